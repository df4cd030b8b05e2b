import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { RELOCATION_KINDS } from '../../../src/btf/btf-ext.ts';
import { accessSize } from '../../../src/btf/core/instruction.ts';
import { type BpfObject, readObject } from '../../../src/btf/core/object.ts';
import { type RelocationResult, relocate } from '../../../src/btf/core/relocate.ts';
import { KernelTypes } from '../../../src/btf/core/resolve.ts';
import { withFile } from '../../../src/btf/file.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { unpackBtf } from '../../../src/btf/tarball.ts';
import { judge } from '../../../src/verifier/verdict.ts';
import { shared, sharedFiles } from '../../shared.ts';
import { compileBpf, paholeBtf, programs, temporaryFolder } from '../made.ts';
import { KERNELS, PROGRAMS } from './cases.ts';
import { buildLibbpf } from './libbpf.ts';

const folder = temporaryFolder();
const libbpf = buildLibbpf(folder);
const kernels = new Map<string, { readonly path: string; readonly kernel: KernelTypes }>();
const objects = new Map<string, string>();
/** Whether this machine lets us ask its verifier. */
let verifier = false;

function addKernel(name: string, btf: Buffer): void {
  const path = join(folder, `${name}.btf`);
  writeFileSync(path, btf);
  kernels.set(name, { path, kernel: new KernelTypes(new Btf(btf)) });
}

beforeAll(async () => {
  for (const [name, source] of Object.entries(KERNELS)) {
    addKernel(name, paholeBtf(folder, source));
  }
  for (const file of sharedFiles('samples', '.btf.tar.xz').filter((one) => !one.startsWith('('))) {
    const { uname, btf } = await unpackBtf(programs, readFileSync(join(shared, 'samples', file)));
    addKernel(uname, btf);
  }
  for (const [name, source] of Object.entries(PROGRAMS)) {
    objects.set(name, compileBpf(folder, source, 'bpf'));
  }
  askForMatches(objects.get('matches') ?? '');
  const harmless = join(folder, 'harmless.bpf.o');
  writeFileSync(harmless, readFileSync(objects.get('existence') ?? ''));
  verifier = libbpf('kernel', harmless, kernels.get('base')?.path ?? '').result === 0;
  if (!verifier)
    process.stderr.write('the verifier of this kernel may not be asked: skipping it\n');
});

/** Makes every `type_exists` of an object a `type_matches`. */
function askForMatches(path: string): void {
  const bytes = readFileSync(path);
  const [exists, matches] = (['type_exists', 'type_matches'] as const).map((kind) =>
    RELOCATION_KINDS.indexOf(kind),
  );
  const names = execFileSync('readelf', ['-SW', path], { encoding: 'utf8' });
  const start = Number(`0x${/ \.BTF\.ext +PROGBITS +\w+ (\w+)/.exec(names)?.[1]}`);
  const records = start + bytes.readUInt32LE(start + 4) + bytes.readUInt32LE(start + 24) + 12;
  const end = records - 12 + bytes.readUInt32LE(start + 28);
  for (let at = records + 12; at < end; at += 16) {
    expect(bytes.readUInt32LE(at)).toBe(exists);
    bytes.writeUInt32LE(matches ?? 0, at);
  }
  writeFileSync(path, bytes);
}

/** What we did, in the words of libbpf's log. */
function done(object: BpfObject, kernel: KernelTypes): Map<string, string> {
  const { results: applied, code } = relocate(object, kernel);
  const entries = applied.flatMap(
    ({ address: place, resolution }: RelocationResult): [string, string][] => {
      const section = code.get(place.section);
      const own = section?.functions.find(
        (one) => one.start <= place.index && place.index < one.end,
      );
      const at = place.index - (own?.start ?? 0);
      const key = `${own?.name} ${at}`;
      const before = object.code.find((one) => one.section === place.section)?.instructions;
      const [was, now] = [before?.[place.index], section?.instructions[place.index]];
      if (resolution.status === 'refused' || !was || !now) return [[key, 'refused']];
      if (resolution.status === 'poisoned') {
        // Both halves of a constant of 64 bits become invalid.
        const second: [string, string][] =
          was.code === 0x18 ? [[`${own?.name} ${at + 1}`, 'invalid']] : [];
        return [[key, 'invalid'], ...second];
      }
      const { value } = resolution.value;
      if ([1, 2, 3].includes(now.code & 7)) {
        const resized = accessSize(was) !== accessSize(now) ? ` mem_sz ${accessSize(now)}` : '';
        return [[key, `off ${value}${resized}`]];
      }
      return [[key, `${now.code === 0x18 ? 'imm64' : 'imm'} ${value}`]];
    },
  );
  return new Map(entries);
}

const open = async (name: string) => withFile(objects.get(name) ?? '', readObject);

test.each(Object.keys(PROGRAMS))(
  '%s: every instruction becomes what libbpf makes it',
  async (name) => {
    const object = await open(name);
    expect(object.relocations.length).toBeGreaterThan(0);
    for (const [kernelName, { path, kernel }] of kernels) {
      const theirs = libbpf('stand-in', objects.get(name) ?? '', path);
      const ours = done(object, kernel);
      const refused = [...ours.values()].includes('refused');
      expect([kernelName, refused]).toEqual([kernelName, !theirs.relocated]);
      // libbpf stops at the first relocation that it refuses.
      if (!refused) expect([kernelName, ours]).toEqual([kernelName, theirs.done]);
    }
  },
);

/** The verifier lets none of these near memory that it does not know, for other reasons. */
const VERIFIED = Object.keys(PROGRAMS).filter((name) => name !== 'direct');

test.each(VERIFIED)("%s: the kernel's verifier agrees on what is missing", async (name) => {
  if (!verifier) return;
  const object = await open(name);
  for (const [kernelName, { path, kernel }] of kernels) {
    if (!(kernelName in KERNELS)) continue;
    const { missing } = judge(object, kernel, release());
    const { result, log } = libbpf('kernel', objects.get(name) ?? '', path);
    const refused = /failed to (relocate|patch)|invalid CO-RE|unknown#195896080/.test(log);
    const always = missing.filter(({ when }) => when === 'always').length > 0;
    expect([kernelName, always]).toEqual([kernelName, refused]);
    if (!always) expect([kernelName, result]).toEqual([kernelName, 0]);
  }
});
