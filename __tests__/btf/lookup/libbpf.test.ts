import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { readObject } from '../../../src/btf/core/object.ts';
import { KernelTypes } from '../../../src/btf/core/resolve.ts';
import { withFile } from '../../../src/btf/file.ts';
import { loadBtf } from '../../../src/btf/load.ts';
import { Btf } from '../../../src/btf/reader.ts';
import { judge, type MissingDependency } from '../../../src/verifier/verdict.ts';
import { buildLibbpf } from '../core/libbpf.ts';
import { compileBpf, paholeBtf, temporaryFolder } from '../made.ts';

const folder = temporaryFolder();
const libbpf = buildLibbpf(folder);

/** Two kernels that have the same names, and not the same things behind them. */
const KERNELS: Readonly<Record<string, string>> = {
  full: `
    struct sock { int state; };
    struct task { int pid; };
    typedef void (*btf_trace_sched_switch)(void *, int, struct task *);
    btf_trace_sched_switch tracepoint;
    struct ops { int (*init)(struct sock *); void (*close)(struct sock *); unsigned flags; char name[16]; };
    struct bpf_struct_ops_ops { int refcnt; struct ops data; };
    struct bpf_struct_ops_ops registered;
    struct plain { int flags; } plain;
    int tcp_connect(struct sock *sk) { return sk->state; }
    int bpf_lsm_file_open(struct task *task) { return task->pid; }
    int bpf_iter_task(struct task *task) { return task->pid; }
    int bpf_find(struct task *task, int flags) { return task->pid + flags; }
    int counter __attribute__((section(".data..percpu")));
    struct task current_task __attribute__((section(".data..percpu")));
  `,
  other: `
    struct sock { int state; };
    struct task { int pid; };
    struct ops { int (*init)(struct sock *); long flags; char name[16]; int close; };
    struct bpf_struct_ops_ops { int refcnt; struct ops data; };
    struct bpf_struct_ops_ops registered;
    typedef int tcp_connect; tcp_connect type_of_that_name;
    int sched_switch(struct task *task) { return task->pid; }
    int file_open(struct task *task) { return task->pid; }
    int bpf_find(struct task *task) { return task->pid; }
    struct task counter __attribute__((section(".data..percpu")));
    struct task current_task __attribute__((section(".data..percpu")));
  `,
  bare: 'int number;',
};

const HEAD = `
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct sock; struct task { int pid; };
`;

const attached = (section: string) =>
  `${HEAD} SEC("${section}") int program(void *context) { return 0; }`;

const withKsyms = (declarations: string, body: string) =>
  `${HEAD} ${declarations} SEC("raw_tp/x") int program(void *context) { ${body} return 0; }`;

const structOps = (
  members: string,
  values: string,
  section = '.struct_ops',
  name = 'ops',
) => `${HEAD}
  SEC("struct_ops/init") int init(struct sock *sk) { return 0; }
  struct ${name} { ${members} };
  SEC("${section}") struct ${name} mine = { ${values} };`;

const FIND = 'extern int bpf_find(struct task *, int) __ksym';

const OBJECTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'fentry/tcp_connect',
      'fentry/no_such_function_xyz',
      'fentry.s/tcp_connect',
      'fexit/tcp_connect',
      'fexit/struct_of_nothing',
      'fmod_ret/tcp_connect',
      'fmod_ret/nothing',
      'fentry/task',
      'tp_btf/sched_switch',
      'tp_btf/tcp_connect',
      'lsm/file_open',
      'lsm.s/file_open',
      'lsm/tcp_connect',
      'lsm_cgroup/file_open',
      'iter/task',
      'iter/tcp_connect',
      'kprobe/nothing',
      'kretprobe/nothing',
      'tracepoint/nothing/nothing',
      'raw_tp/nothing',
      'uprobe//bin/nothing:nothing',
      'xdp',
      'tc',
      'cgroup/connect4',
    ].map((section) => [section, attached(section)]),
  ),
  'a strong function': withKsyms(`${FIND};`, 'return bpf_find((void *)0, 1);'),
  'a weak function': withKsyms(`${FIND} __weak;`, 'if (bpf_find) return bpf_find((void *)0, 1);'),
  'a strong function of nothing': withKsyms('extern int nothing(void) __ksym;', 'nothing();'),
  'a weak function of nothing': withKsyms(
    'extern int nothing(void) __ksym __weak;',
    'if (nothing) nothing();',
  ),
  'a strong variable': withKsyms('extern const int counter __ksym;', 'return counter;'),
  'a weak variable': withKsyms(
    'extern const int counter __ksym __weak;',
    'if (&counter) return counter;',
  ),
  'a strong variable that is a struct': withKsyms(
    'extern const struct task current_task __ksym;',
    'return current_task.pid;',
  ),
  'a strong variable of nothing': withKsyms(
    'extern const int nothing_of_that __ksym;',
    'return nothing_of_that;',
  ),
  'a weak variable of nothing': withKsyms(
    'extern const int nothing_of_that __ksym __weak;',
    'if (&nothing_of_that) return nothing_of_that;',
  ),
  'a struct of callbacks': structOps(
    'int (*init)(struct sock *); unsigned flags;',
    '.init = (void *)init, .flags = 1',
  ),
  'a struct of callbacks with a value that the kernel does not have': structOps(
    'int (*init)(struct sock *); int more;',
    '.init = (void *)init, .more = 1',
  ),
  'a struct of callbacks that the kernel does not have': structOps(
    'int (*init)(struct sock *);',
    '.init = (void *)init',
    '.struct_ops',
    'other_ops',
  ),
  'a struct of callbacks that the kernel has as a plain struct': structOps(
    'int (*init)(struct sock *);',
    '.init = (void *)init',
    '.struct_ops',
    'plain',
  ),
  'a struct of callbacks with a name': structOps(
    'char name[16]; int (*init)(struct sock *);',
    '.init = (void *)init, .name = "mine"',
  ),
};

interface Judged {
  readonly path: string;
  readonly missing: readonly MissingDependency[];
}

const kernels = new Map<string, { readonly path: string; readonly types: KernelTypes }>();
const objects = new Map<string, string>();

beforeAll(() => {
  for (const [name, source] of Object.entries(KERNELS)) {
    const path = join(folder, `${name}.btf`);
    const btf = paholeBtf(folder, source);
    writeFileSync(path, btf);
    kernels.set(name, { path, types: new KernelTypes(new Btf(btf)) });
  }
  for (const [name, source] of Object.entries(OBJECTS)) {
    objects.set(name, compileBpf(folder, source, 'bpf'));
  }
});

async function judged(name: string, types: KernelTypes, uname?: string): Promise<Judged> {
  const path = objects.get(name) ?? '';
  return { path, missing: judge(await withFile(path, readObject), types, uname).missing };
}

test.each(Object.keys(OBJECTS))('%s: loads where libbpf loads it', async (name) => {
  for (const [kernel, { path, types }] of kernels) {
    // A weak function of another type counts as absent since libbpf 1.3; Debian 12 has 1.1.
    if (name === 'a weak function' && kernel === 'other') continue;
    const { path: object, missing } = await judged(name, types);
    const { result, log } = libbpf('stand-in', object, path);
    const isGood = missing.every(({ when }) => when === 'optional');
    expect([kernel, isGood, log]).toEqual([kernel, result === 0, log]);
  }
});

test('the kernels differ in what these objects need', async () => {
  for (const [kernel, { types }] of kernels) {
    const all = await Promise.all([...objects.keys()].map((name) => judged(name, types)));
    const good = all.filter(({ missing }) => missing.length === 0).length;
    expect([kernel, good]).toEqual([kernel, { full: 26, other: 13, bare: 12 }[kernel]]);
  }
});

test('a mismatch says both types, and where in the source', async () => {
  const { types } = kernels.get('other') ?? {};
  if (types === undefined) throw new Error('there is no kernel');
  const [problem] = (await judged('a strong function', types)).missing;
  expect(problem).toMatchObject({
    why: 'other-type',
    what: 'bpf_find()',
    wanted: 'int bpf_find(struct task *, int)',
    found: 'int bpf_find(struct task *)',
    function: 'program',
    sources: [{ text: expect.stringContaining('bpf_find((void *)0, 1)') }],
  });
  const [member] = (await judged('a struct of callbacks', types)).missing;
  expect(member).toMatchObject({
    why: 'no-struct-ops',
    what: 'struct ops.flags',
    wanted: 'unsigned int',
    found: 'long int',
    function: 'mine',
  });
});

test('a weak function of another type counts as absent', async () => {
  const { types } = kernels.get('other') ?? {};
  if (types === undefined) throw new Error('there is no kernel');
  expect((await judged('a weak function', types)).missing).toEqual([]);
  const called = withKsyms(`${FIND} __weak;`, 'return bpf_find((void *)0, 1);');
  const object = await withFile(compileBpf(folder, called, 'bpf'), readObject);
  expect(judge(object, types).missing).toMatchObject([{ why: 'other-type', when: 'always' }]);
});

test('a program in a ? section has no target only after the loader turned it on', async () => {
  const object = compileBpf(folder, attached('?fentry/no_such_function_xyz'), 'bpf');
  const { types, path } = kernels.get('full') ?? { types: undefined, path: '' };
  if (types === undefined) throw new Error('there is no kernel');
  const { missing } = judge(await withFile(object, readObject), types);
  expect(missing).toMatchObject([{ why: 'no-attach-target', when: 'optional' }]);
  expect(libbpf('stand-in', object, path).result).toBe(0);
});

test('a weak function that is absent is missing where the program calls it without asking', async () => {
  const called = withKsyms('extern int nothing(void) __ksym __weak;', 'return nothing();');
  const object = await withFile(compileBpf(folder, called, 'bpf'), readObject);
  const { types } = kernels.get('full') ?? {};
  if (types === undefined) throw new Error('there is no kernel');
  expect(judge(object, types).missing).toMatchObject([
    { why: 'no-ksym', what: 'nothing()', function: 'program', when: 'always' },
  ]);
});

/** Programs for the running kernel; the names of those that it does not have begin with `no_`. */
const RUNNING: Readonly<Record<string, string>> = {
  'fentry of a function': attached('fentry/vfs_read'),
  'fentry of no function': attached('fentry/no_such_function_xyz'),
  'tp_btf of a tracepoint': attached('tp_btf/sched_process_exec'),
  'tp_btf of no tracepoint': attached('tp_btf/no_such_tracepoint'),
  'a kernel function': withKsyms(
    'extern void bpf_rcu_read_lock(void) __ksym; extern void bpf_rcu_read_unlock(void) __ksym;',
    'bpf_rcu_read_lock(); bpf_rcu_read_unlock();',
  ).replace('raw_tp/x', 'tp_btf/sched_process_exec'),
  'no kernel function': withKsyms('extern void no_such(void) __ksym;', 'no_such();'),
  'a weak kernel function behind a question': withKsyms(
    'extern void no_such(void) __ksym __weak;',
    'if (no_such) no_such();',
  ).replace('raw_tp/x', 'tp_btf/sched_process_exec'),
  'a weak kernel function without a question': withKsyms(
    'extern void no_such(void) __ksym __weak;',
    'no_such();',
  ).replace('raw_tp/x', 'tp_btf/sched_process_exec'),
};

test('the running kernel agrees', async () => {
  const vmlinux = '/sys/kernel/btf/vmlinux';
  const harmless = compileBpf(folder, attached('raw_tp/x'), 'bpf');
  if (libbpf('kernel', harmless, vmlinux).result !== 0) {
    process.stderr.write('SKIPPED: this kernel does not let us load programs, or has no BTF\n');
    return;
  }
  const types = new KernelTypes(new Btf(await loadBtf(vmlinux)));
  for (const [name, source] of Object.entries(RUNNING)) {
    const object = compileBpf(folder, source, 'bpf');
    const { missing } = judge(await withFile(object, readObject), types, release());
    const { result, log } = libbpf('kernel', object, vmlinux);
    const isMissing = /failed to find kernel BTF|not found in kernel|kernel function/.test(log);
    // A kernel may also lack what fentry needs, or the right to use it.
    if (result !== 0 && !isMissing) process.stderr.write(`SKIPPED: ${name}\n`);
    else expect([name, missing.length > 0, log]).toEqual([name, isMissing, log]);
  }
});
