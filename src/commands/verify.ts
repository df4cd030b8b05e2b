import { basename } from 'node:path';
import type { Expectation } from '../btf/check.ts';
import { VerifyDocument } from '../documents/verify.ts';
import {
  isSound,
  type SoundFile,
  type UnsoundFile,
  type VerifiedFile,
  verifyFiles,
} from '../jobs/verify.ts';
import { openProgress } from '../report/open.ts';
import { type Column, textTable } from '../report/table.ts';
import { bytes } from '../report/units.ts';
import { attestationOptions, requiredAttestation } from './attestation-options.ts';
import { defineCommand, number, text } from './command.ts';

export const verify = defineCommand({
  name: 'verify',
  summary: 'check BTF and tarballs of BTF, and show what is in them',
  description:
    'Checks raw BTF, ELF files with a .BTF section, boot images and tarballs as the archive has them: every type and name resolves, nothing contains itself, members lie within their structs, and it is the BTF of a whole kernel. Headers of 24 and 32 bytes, layout sections and the kinds that they describe, and either byte order are read. ' +
    'Where build left the record of a tarball, the sums are compared with it. ' +
    'The BTF of a kernel module is checked together with its base.',
  operands: {
    shape: '<path...>',
    description: 'files, and folders that are searched for *.btf and *.btf.tar.xz',
  },
  options: {
    base: text(
      '<file>',
      "the kernel's BTF that the files, of its modules, build on: raw BTF or ELF; a module with a .BTF.base section needs none",
      { variable: 'BTFHUB_BASE_BTF' },
    ),
    minimumTypes: number(
      '<number>',
      'the fewest types that the BTF of a whole kernel has; 0 takes any BTF, also of eBPF objects',
      { default: 10_000, least: 0, most: 10_000_000 },
    ),
    ...attestationOptions,
  },
  examples: [
    'btfhub verify btf-output',
    'btfhub verify /sys/kernel/btf/vmlinux',
    'btfhub verify /boot/vmlinuz-6.6.0-72.0.0.76.oe2403sp1.x86_64',
    'btfhub verify --minimum-types 0 probe.bpf.o',
    'btfhub verify --attestation openeuler/btfhub-action --attestation-bundle attestation.jsonl btf-output',
    'btfhub verify --base /sys/kernel/btf/vmlinux /sys/kernel/btf/nf_conntrack',
  ],
  document: VerifyDocument,
  run: async (platform, { minimumTypes = 10_000, base, ...given }, paths) => {
    const attestation = await requiredAttestation(given);
    const expectation: Expectation =
      minimumTypes === 0 ? { kind: 'any' } : { kind: 'kernel', minimumTypes };
    const files = await verifyFiles(platform, openProgress(platform), {
      paths,
      expectation,
      base,
      attestation,
    });
    const unsound = files.filter((file): file is UnsoundFile => !isSound(file));
    return {
      status: unsound.length === 0 ? 0 : 1,
      document: {
        sound: files.length - unsound.length,
        unsound: unsound.length,
        files,
      },
      text: describe(files),
      failures: unsound.map(({ path, error }) => ({ title: path, message: error.message })),
    };
  },
});

function describe(files: readonly VerifiedFile[]): string {
  const [only] = files;
  if (files.length === 1 && only !== undefined && isSound(only)) return describeOne(only);
  return textTable(COLUMNS, files.map(row));
}

const COLUMNS: readonly Column[] = [
  { title: 'FILE' },
  { title: 'SIZE', align: 'right' },
  { title: 'BTF', align: 'right' },
  { title: 'TYPES', align: 'right' },
  { title: 'STRUCTS', align: 'right' },
  { title: 'FUNCTIONS', align: 'right' },
  { title: 'RECORD' },
  { title: 'RESULT' },
];

function row(file: VerifiedFile): readonly string[] {
  const name = basename(file.path);
  if (!isSound(file)) {
    const { reason, message } = file.error;
    return [name, '', '', '', '', '', '', `${reason}: ${message}`];
  }
  const { size, types, kinds } = file.btf;
  const counts = [types, kinds.STRUCT ?? 0, kinds.FUNC ?? 0].map((count) => `${count}`);
  return [name, bytes(file.size), bytes(size), ...counts, recordText(file), 'sound'];
}

/** What a record says of a file, and by which method it was made. */
function recordText({ record, method }: SoundFile): string {
  return method === undefined ? record : `${record} (${method})`;
}

function describeOne(file: SoundFile): string {
  const { path, size, uname, btf, base, attested } = file;
  const kinds = Object.entries(btf.kinds).sort(([, left], [, right]) => right - left);
  const task = btf.taskStruct;
  const lines = [
    ['file', `${path}, ${size} bytes`],
    ['kernel', uname],
    ['BTF', `${btf.size} bytes, ${btf.byteOrder}-endian, sha256 ${btf.sha256}`],
    ['base', base && { kernel: 'the one given', distilled: 'its .BTF.base section' }[base]],
    ['types', `${btf.types}`],
    ['', kinds.map(([kind, count]) => `${kind} ${count}`).join(', ')],
    ['strings', `${btf.stringBytes} bytes`],
    ['task_struct', task && `${task.size} bytes, ${task.members} members, ${times(task.copies)}`],
    ['record', recordText(file)],
    ['made by', attested && `${attested.repository}: ${attested.signer}`],
    ['result', 'sound'],
  ];
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([title = '', value]) => `${title.padEnd(12)} ${value}\n`)
    .join('');
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}
