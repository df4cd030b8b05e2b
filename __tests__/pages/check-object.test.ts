import { readFileSync } from 'node:fs';
import { readObject } from '../../src/btf/core/object.ts';
import { KernelTypes } from '../../src/btf/core/resolve.ts';
import { bytesSource } from '../../src/btf/elf.ts';
import { Btf } from '../../src/btf/reader.ts';
import { collectDefinitions } from '../../src/explorer/collect.ts';
import type { Rows } from '../../src/explorer/port.ts';
import type { ExplorerKernel } from '../../src/explorer/queries.ts';
import { openDatabase, writeDatabase } from '../../src/jobs/site/sqlite.ts';
import { DefinitionStore } from '../../src/jobs/site/store.ts';
import { checkObject } from '../../src/pages/check/check-object.ts';
import { judge } from '../../src/verifier/verdict.ts';
import { KERNELS, PROGRAMS } from '../btf/core/cases.ts';
import { compileBpf, EVERY_KIND, paholeBtf, temporaryFolder } from '../btf/made.ts';

const folder = temporaryFolder();

interface Made {
  readonly kernel: ExplorerKernel;
  readonly btf: Uint8Array;
}

/** Kernels with the versions that matter to the judge, and their BTF. */
function makeKernels(): readonly Made[] {
  const sources = [...Object.values(KERNELS), EVERY_KIND];
  return sources.map((source, position) => {
    const uname = `${position % 2 === 0 ? '6.12.0' : '5.4.0'}-${position}.x86_64`;
    const kernel = { id: position + 10, position, uname } as unknown as ExplorerKernel;
    return { kernel, btf: paholeBtf(folder, source) };
  });
}

async function rowsOf(made: readonly Made[]): Promise<Rows> {
  const store = new DefinitionStore();
  for (const [position, { btf }] of made.entries()) {
    for (const one of collectDefinitions(new Btf(btf))) store.add(position, one);
  }
  const database = await writeDatabase([...store.tables(made.map(() => 0))]);
  return (await openDatabase(database, 'test')).rows;
}

/** Without the numbers and the order of types, which rebuilt BTF has others of. */
function comparable(detail: string): string {
  const [, one, two] = / have it at (\d+) and (\d+)$/.exec(detail) ?? [];
  if (one !== undefined) return `types have it at ${[one, two].toSorted()}`;
  return detail.replace(/^types .* make it .*/, 'types of that name disagree');
}

/** What the verdicts on the kernels' own BTF say, in the form of the page. */
async function expected(name: string, object: Uint8Array, made: readonly Made[]) {
  const read = await readObject(bytesSource(name, object));
  return made.flatMap(({ kernel, btf }) =>
    judge(read, new KernelTypes(new Btf(btf)), kernel.uname).missing.map((one) => {
      const { what, why, when, wanted, found } = one;
      const detail = comparable(one.detail);
      return JSON.stringify([kernel.id, what, why, when, detail, wanted, found, one.function]);
    }),
  );
}

async function answered(name: string, object: Uint8Array, made: readonly Made[], rows: Rows) {
  const kernels = made.map(({ kernel }) => kernel);
  const checked = await checkObject(rows, kernels, name, object, () => {});
  expect(checked.kernels).toEqual(kernels.map(({ id }) => id));
  return checked.findings.flatMap(({ missing, functions, kernels: ids }) =>
    ids.flatMap((id) =>
      (functions.length > 0 ? functions : ['']).map((own) => {
        const { what, why, when, wanted, found } = missing;
        const detail = comparable(missing.detail);
        return JSON.stringify([id, what, why, when, detail, wanted, found, own]);
      }),
    ),
  );
}

const EXTRA: Readonly<Record<string, string>> = {
  'a kernel symbol of a function': `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    struct task_struct;
    extern int function(struct task_struct *task) __ksym __weak;
    extern int hidden(struct task_struct *task) __ksym __weak;
    SEC("tc") int run(void *ctx) { return function(0) + (bpf_ksym_exists(hidden) ? hidden(0) : 0); }
    char LICENSE[] SEC("license") = "GPL";`,
  'attach targets': `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    SEC("fentry/function") int one(void *ctx) { return 0; }
    SEC("fexit/absent") int two(void *ctx) { return 0; }
    SEC("?tp_btf/absent") int three(void *ctx) { return 0; }
    SEC("kprobe/function") int four(void *ctx) { return 0; }
    char LICENSE[] SEC("license") = "GPL";`,
};

test('a program gets the verdicts that check gives on the BTF itself', async () => {
  const made = makeKernels();
  const rows = await rowsOf(made);
  let missing = 0;
  for (const [name, source] of Object.entries({ ...PROGRAMS, ...EXTRA })) {
    const object = readFileSync(compileBpf(folder, source, 'bpf'));
    const wanted = (await expected(name, object, made)).toSorted();
    expect([name, (await answered(name, object, made, rows)).toSorted()]).toEqual([name, wanted]);
    missing += wanted.length;
  }
  expect(missing).toBeGreaterThan(50);
});

const TWO_FUNCTIONS = `
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  #include <bpf/bpf_core_read.h>
  struct absent { int field; } __attribute__((preserve_access_index));
  SEC("kprobe/one") int one(void *ctx) { return BPF_CORE_READ((struct absent *)ctx, field); }
  SEC("kprobe/two") int two(void *ctx) { return BPF_CORE_READ((struct absent *)ctx, field); }
  char LICENSE[] SEC("license") = "GPL";`;

test('a finding has the source lines of every function, and progress counts from 0 at once', async () => {
  const made = makeKernels();
  const object = readFileSync(compileBpf(folder, TWO_FUNCTIONS, 'bpf'));
  const kernels = made.map(({ kernel }) => kernel);
  const reports: [number, number][] = [];
  const { findings } = await checkObject(await rowsOf(made), kernels, 'two.o', object, (...one) =>
    reports.push(one),
  );
  expect(findings.map(({ functions }) => functions)).toEqual([['one', 'two']]);
  expect(findings[0]?.missing.sources.map(({ text }) => /int (\w+)\(/.exec(text)?.[1])).toEqual([
    'one',
    'two',
  ]);
  expect(reports[0]).toEqual([0, kernels.length]);
});

test('a file that is no eBPF object is refused with the reason', async () => {
  const rows = await rowsOf([]);
  const bytes = new TextEncoder().encode('no object');
  await expect(checkObject(rows, [], 'x.o', bytes, () => {})).rejects.toMatchObject({
    kind: 'not-an-object',
  });
});
