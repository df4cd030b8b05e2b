import { basename } from 'node:path';
import { Failure } from '../failure.ts';
import { type CheckReport, checkObjects, type ObjectOnLine, readObjects } from '../jobs/check.ts';
import { archiveKernels, fileKernels } from '../jobs/check-kernels.ts';
import { openReader } from '../jobs/fetch/open.ts';
import { openProgress } from '../report/open.ts';
import { type Column, textTable } from '../report/table.ts';
import { archiveSelection, toSelection } from './archive-options.ts';
import { defineCommand, list, text } from './command.ts';

export const check = defineCommand({
  name: 'check',
  summary: 'tell on which kernels eBPF objects find their types and fields',
  description:
    'Resolves the CO-RE relocations of eBPF objects against the BTF of kernels as libbpf does, and follows the programs to see which of those that find nothing would be reached. ' +
    'What a program asks for before it uses it (bpf_core_field_exists, bpf_core_type_exists, an enumerator, LINUX_KERNEL_VERSION) is no error where it is missing. ' +
    'It also looks for what fentry, fexit, fmod_ret, tp_btf, LSM, iterator and struct_ops programs are attached to, and for kernel functions and variables (__ksym). What kprobe, tracepoint and uprobe programs are attached to is in no BTF: the report says that it is not checked. ' +
    "'optional' is what is reached only after the loader has changed a constant in .rodata, or turned on a program that is off ('?' before its section).",
  options: {
    object: list('<file>', 'eBPF object, as clang or bpftool gen object writes it', {
      required: true,
      separator: 'lines',
    }),
    archive: text(
      '<URL|folder>',
      'archive whose kernels to look at: a git URL, the HTTP root of its files, or a folder',
    ),
    btf: list('<file>', 'BTF of a kernel to look at: raw, in an ELF file, or a .btf.tar.xz', {
      separator: 'lines',
    }),
    ...archiveSelection,
  },
  examples: [
    'btfhub check --object probe.bpf.o --archive btfhub-archive',
    'btfhub check --object tcp.bpf.o --object io.bpf.o --archive btfhub-archive --release 22.03 --arch aarch64',
    'btfhub check --object probe.bpf.o --btf /sys/kernel/btf/vmlinux',
  ],
  run: async (platform, options) => {
    const { object, archive: where, btf } = options;
    if (where === undefined && btf.length === 0) {
      throw new Failure('usage', 'Say which kernels to look at, with --archive or --btf.');
    }
    const objects = await readObjects(object);
    const progress = openProgress(platform);
    // An archive may stand in the environment for good; files are named for this once.
    const reader =
      where === undefined || btf.length > 0 ? undefined : await openReader(platform, where);
    try {
      const kernels =
        reader === undefined
          ? fileKernels(platform, btf)
          : await archiveKernels(platform, reader, toSelection(options));
      const report = await checkObjects(platform, progress, objects, kernels, 1);
      const isGood = report.results.every(({ good, kernels }) => good === kernels);
      return {
        status: isGood && report.unread.length === 0 ? 0 : 1,
        document: report,
        text: describe(report),
      };
    } finally {
      await reader?.close();
    }
  },
});

const COLUMNS: readonly Column[] = [
  { title: 'OBJECT' },
  { title: 'KERNELS' },
  { title: 'GOOD', align: 'right' },
  { title: 'ON', align: 'right' },
  { title: 'MISSING' },
  { title: 'WHY' },
  { title: 'IN' },
];

function describe({ results, programs, ksyms, unread }: CheckReport): string {
  const objects = new Set(results.map(({ object }) => object));
  const rows = [...objects].flatMap((object) =>
    describeObject(results.filter((result) => result.object === object)),
  );
  const failures = unread.map(({ kernel, error }) => `${kernel}: ${error.message}\n`);
  return textTable(COLUMNS, rows) + notChecked(programs, ksyms) + failures.join('');
}

/** What BTF cannot answer: a good report says nothing about these. */
function notChecked(programs: CheckReport['programs'], ksyms: CheckReport['ksyms']): string {
  const lines = [
    ...programs
      .filter(({ attach }) => attach === 'not-checked')
      .map((one) => `${basename(one.object)}: ${one.function}: the target of ${one.section}`),
    ...ksyms
      .filter(({ lookup }) => lookup === 'not-checked')
      .map(({ object, name }) => `${basename(object)}: the kernel symbol '${name}' without a type`),
  ];
  return lines.map((line) => `Not checked: ${line}.\n`).join('');
}

/** One row for all lines where nothing is missing, and one for every thing that is missing elsewhere. */
function describeObject(lines: readonly ObjectOnLine[]): string[][] {
  const name = basename(lines[0]?.object ?? '');
  const sound = lines.filter(({ missing }) => missing.length === 0);
  const count = sound.reduce((sum, { kernels }) => sum + kernels, 0);
  const title = sound.length === 1 ? (sound[0]?.line ?? '') : `${sound.length} lines`;
  const first = sound.length > 0 ? [[name, title, `${count} of ${count}`]] : [];
  const others = lines
    .filter(({ missing }) => missing.length > 0)
    .flatMap(({ line, kernels, good, missing }) =>
      missing.map((one, index) => {
        const start = index === 0 ? [name, line, `${good} of ${kernels}`] : ['', '', ''];
        const optional = one.when === 'optional' ? ' (optional)' : '';
        const why = `${one.detail}${optional}`;
        return [...start, `${one.kernels.length}`, one.what, why, one.functions.join(', ')];
      }),
    );
  return [...first, ...others];
}
