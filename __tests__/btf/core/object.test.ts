import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { readObject } from '../../../src/btf/core/object.ts';
import { relocate } from '../../../src/btf/core/relocate.ts';
import { KernelTypes } from '../../../src/btf/core/resolve.ts';
import { essentialName } from '../../../src/btf/core/types.ts';
import { bytesSource } from '../../../src/btf/elf.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { Failure } from '../../../src/failure.ts';
import { judge } from '../../../src/verifier/verdict.ts';
import { compileBpf, paholeBtf, temporaryFolder } from '../made.ts';
import { KERNELS, PROGRAMS } from './cases.ts';

const folder = temporaryFolder();
const base = paholeBtf(folder, KERNELS.base ?? '');
const poor = new KernelTypes(new Btf(paholeBtf(folder, KERNELS.poor ?? '')));

const read = (bytes: Uint8Array) => readObject(bytesSource('object', bytes));
const compiled = (name: string, target: 'bpf' | 'bpfeb' = 'bpf') =>
  readFileSync(compileBpf(folder, PROGRAMS[name] ?? '', target));

test.each(['fields', 'bitfields', 'guarded', 'enumerators'])(
  '%s: an object of the other byte order says the same',
  async (name) => {
    const kernel = new KernelTypes(new Btf(base));
    const [little, big] = await Promise.all([read(compiled(name)), read(compiled(name, 'bpfeb'))]);
    const ways = (object: typeof little) =>
      new Set(object.relocations.map(({ kind, access }) => `${kind} ${access}`));
    expect(ways(big)).toEqual(ways(little));
    const statuses = relocate(big, kernel).results.map(({ resolution }) => resolution.status);
    expect(statuses).not.toContain('refused');
    expect(
      judge(big, poor)
        .missing.map(({ what }) => what)
        .sort(),
    ).toEqual(
      judge(little, poor)
        .missing.map(({ what }) => what)
        .sort(),
    );
  },
);

const HEAD = (PROGRAMS.missing ?? '').split('SEC("raw_tp/x")')[0] ?? '';

test('a program that is off until the loader turns it on makes nothing missing', async () => {
  const off = `${HEAD} SEC("?raw_tp/x") int off(struct task *t) { out += BPF_CORE_READ(t, port); return 0; }`;
  const on = 'SEC("raw_tp/y") int on(struct task *t) { out += BPF_CORE_READ(t, pid); return 0; }';
  const object = await read(readFileSync(compileBpf(folder, `${off}\n${on}`, 'bpf')));
  expect(judge(object, poor).missing).toMatchObject([{ function: 'off', when: 'optional' }]);
});

test('a global function counts for itself on kernels that verify it for itself', async () => {
  const source = `${HEAD}
    __attribute__((noinline)) int read_port(struct task *t) { return t ? BPF_CORE_READ(t, port) : 0; }
    SEC("raw_tp/x") int program(struct task *t) {
      if (bpf_core_field_exists(t->port)) out += read_port(t);
      return 0;
    }`;
  const object = await read(readFileSync(compileBpf(folder, source, 'bpf')));
  expect(judge(object, poor, '5.10.0-60.x86_64').missing).toMatchObject([{ when: 'always' }]);
  expect(judge(object, poor, '6.12.0-1.x86_64')).toMatchObject({ missing: [], guarded: 1 });
});

test('LINUX_KERNEL_VERSION is that of the kernel which is looked at', async () => {
  const object = await read(compiled('guarded by the version'));
  expect(judge(object, poor, '5.10.0-60.x86_64').missing).toEqual([]);
  expect(judge(object, poor, '127.0.0-1').missing).toHaveLength(1);
  expect(judge(object, poor).missing).toHaveLength(1);
});

test.each([
  ['task_struct', 'task_struct'],
  ['task_struct___old', 'task_struct'],
  ['task___one___two', 'task___one'],
  ['___old', '___old'],
  ['task___', 'task___'],
  ['task____old', 'task____old'],
  ['', ''],
])('the essential name of %s is %s', (name, essential) => {
  expect(essentialName(name)).toBe(essential);
});

test('a damaged object is judged or named, on a damaged kernel too', async () => {
  const object = compiled('guarded');
  const damage = (bytes: Buffer) =>
    fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 }).map((changes) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) copy[at] = value;
      return copy;
    });
  await fc.assert(
    fc.asyncProperty(damage(object), damage(base), async (ours, theirs) => {
      try {
        judge(await read(ours), new KernelTypes(new Btf(theirs)), '5.10.0-1');
      } catch (thrown) {
        if (!(thrown instanceof Failure)) throw thrown;
      }
    }),
    { numRuns: 1000 },
  );
});
