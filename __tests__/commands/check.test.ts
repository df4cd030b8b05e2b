import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { check } from '../../src/commands/check.ts';
import type { Outcome } from '../../src/commands/command.ts';
import { tailor } from '../../src/commands/tailor.ts';
import type { CheckReport } from '../../src/jobs/check.ts';
import { asUname } from '../../src/names.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { archiveFiles as shelveReal, writeFiles } from '../archive/archive-files.ts';
import { KERNELS, PROGRAMS, TASKS_AND_SOCKETS } from '../btf/core/cases.ts';
import { buildLibbpf } from '../btf/core/libbpf.ts';
import { compile, compileBpf, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';
import { runCommand } from '../schemas.ts';
import { shared, testWithShared } from '../shared.ts';

const folder = temporaryFolder();
const archive = join(folder, 'archive');
const objects = new Map<string, string>();

const platform: Platform = {
  env: { ...process.env, GITHUB_WORKSPACE: folder },
  clock: systemClock,
  programs,
  interrupted: new AbortController().signal,
  http: { request: () => Promise.reject(new Error('check sends no request')) },
  stdout: { write: () => true },
  stderr: { write: () => true },
};

const ALL = { kernel: ['all'], arch: ['all'], release: ['all'] };
const none = {
  archive: 'nowhere',
  modules: false,
  btf: [],
  cache: undefined,
  showCache: false,
  jobs: undefined,
};

async function run(
  names: readonly string[],
  changes: Partial<Parameters<typeof check.run>[1]>,
): Promise<Outcome & { report: CheckReport }> {
  const object = names.map((name) => objects.get(name) ?? name);
  const outcome = await runCommand(check, platform, { ...ALL, ...none, object, ...changes });
  return { ...outcome, report: outcome.document as CheckReport };
}

/** Puts a kernel into the archive, on Arm under both names. */
async function archiveFiles(
  kernel: string,
  version: string,
  unames: readonly string[],
): Promise<void> {
  const btf = paholeBtf(folder, KERNELS[kernel] ?? '');
  for (const uname of unames) {
    const tarball = await packBtf(programs, asUname(uname), btf);
    const arches = uname.endsWith('aarch64') ? ['arm64', 'aarch64'] : ['x86_64'];
    for (const arch of arches) {
      const path = join(archive, 'openEuler', version, arch, `${uname}.btf.tar.xz`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, tarball);
    }
  }
}

beforeAll(async () => {
  await archiveFiles('base', '22.03', ['5.10.0-60.1.oe2203.x86_64', '5.10.0-60.2.oe2203.x86_64']);
  await archiveFiles('poor', '22.03', [
    '5.10.0-60.3.oe2203.x86_64',
    '5.10.0-136.1.oe2203sp1.aarch64',
  ]);
  await archiveFiles('moved', '24.03', ['6.6.0-28.1.oe2403.x86_64']);
  for (const name of ['fields', 'arrays', 'guarded', 'guarded by a constant']) {
    objects.set(name, compileBpf(folder, PROGRAMS[name] ?? '', 'bpf'));
  }
});

test('what is missing is told by line, once however often it is asked for', async () => {
  const { status, report, text } = await run(['fields'], { archive });
  expect(status).toBe(1);
  expect(report.unread).toEqual([]);
  const lines = report.results.map(({ line, kernels, good }) => [line, kernels, good]);
  expect(lines).toEqual([
    ['22.03 aarch64 5.10.0-136', 1, 0],
    ['22.03 x86_64 5.10.0-60', 3, 2],
    ['24.03 x86_64 6.6.0-28', 1, 1],
  ]);
  const [, line] = report.results;
  expect(line?.missing).toContainEqual({
    why: 'no-field',
    what: 'struct task.state',
    when: 'always',
    detail: 'struct task.state: no such member',
    wanted: 'unsigned char',
    functions: ['program'],
    sources: [
      {
        file: expect.stringMatching(/\.bpf\.c$/),
        line: expect.any(Number),
        column: expect.any(Number),
        text: expect.stringContaining('BPF_CORE_READ(t, state)'),
      },
    ],
    hint: expect.stringContaining("'struct task___old'"),
    kernels: ['5.10.0-60.3.oe2203.x86_64'],
    ranges: [{ first: '5.10.0-60.3.oe2203.x86_64', last: '5.10.0-60.3.oe2203.x86_64', count: 1 }],
  });
  expect(text).toMatch(/22\.03 x86_64 5\.10\.0-60 +2 of 3$/m);
});

test('what a program asks for first is no error', async () => {
  const { status, report, text } = await run(['guarded'], { archive });
  expect(report.results.flatMap(({ missing }) => missing)).toEqual([]);
  expect(status).toBe(0);
  expect(text).toMatch(/3 lines +5 of 5$/m);
  expect(text).not.toContain('hint');
});

test('what the loader would have to turn on is told, and is no error', async () => {
  const { status, report } = await run(['guarded by a constant'], {
    archive,
    release: ['22.03'],
  });
  const missing = report.results.flatMap((result) => result.missing);
  expect(new Set(missing.map(({ when }) => when))).toEqual(new Set(['optional']));
  expect(status).toBe(0);
});

test('a target that no kernel has makes the check fail, and what is in no BTF is named', async () => {
  const source = `${(PROGRAMS.missing ?? '').split('SEC("raw_tp/x")')[0]}
    extern const void vmlinux_symbol __ksym;
    SEC("fentry/no_such_function_xyz") int traced(void *context) { return 0; }
    SEC("kprobe/do_unlinkat") int probed(void *context) { out = (long)&vmlinux_symbol; return 0; }
    SEC("xdp") int packet(void *context) { return 0; }`;
  const object = compileBpf(folder, source, 'bpf');
  const { status, report, text } = await run([object], { archive });
  expect(status).toBe(1);
  expect(report.schema).toBe(1);
  expect(report.results.map(({ good }) => good)).toEqual([0, 0, 0]);
  expect(report.results[0]?.missing).toMatchObject([
    { why: 'no-attach-target', what: 'fentry/no_such_function_xyz', functions: ['traced'] },
  ]);
  expect(report.programs.map((one) => [one.function, one.section, one.attach])).toEqual([
    ['traced', 'fentry/no_such_function_xyz', 'checked'],
    ['probed', 'kprobe/do_unlinkat', 'not-checked'],
    ['packet', 'xdp', 'none'],
  ]);
  expect(report.ksyms).toMatchObject([{ name: 'vmlinux_symbol', lookup: 'not-checked' }]);
  expect(text).toMatch(/^Not checked: .*: probed: the target of kprobe\/do_unlinkat\.$/m);
  expect(text).toMatch(/^Not checked: .*: the kernel symbol 'vmlinux_symbol' without a type\.$/m);
});

test('only the kernels that are asked for are looked at', async () => {
  const names = async (changes: object) =>
    (await run(['fields'], { archive, ...changes })).report.results.map(({ line }) => line);
  expect(await names({ release: ['24.03'] })).toEqual(['24.03 x86_64 6.6.0-28']);
  expect(await names({ arch: ['aarch64'] })).toEqual(['22.03 aarch64 5.10.0-136']);
  expect(await names({ kernel: ['6.6.*'] })).toEqual(['24.03 x86_64 6.6.0-28']);
  await expect(names({ kernel: ['9.*'] })).rejects.toMatchObject({ reason: 'not-found' });
});

test('an archive in git is read as it is committed', async () => {
  const git = (...args: string[]) => execFileSync('git', ['-C', archive, ...args]);
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];
  git('init', '-q');
  git('add', '.');
  git(...who, 'commit', '-q', '-m', 'all');
  const { report } = await run(['fields'], { archive: archive });
  expect(report.results.map(({ kernels }) => kernels)).toEqual([1, 3, 1]);
});

test('BTF is taken from files as well, and one that is broken is named', async () => {
  const path = join(folder, 'kernel.btf');
  const broken = join(folder, 'broken.btf');
  writeFileSync(path, paholeBtf(folder, KERNELS.base ?? ''));
  writeFileSync(broken, 'nothing');
  const { status, report, text } = await run(['fields'], { btf: [path, broken] });
  expect(report.results).toMatchObject([{ line: 'kernel', good: 1 }]);
  expect(report.unread).toMatchObject([{ kernel: 'broken', error: { reason: 'bad-btf' } }]);
  expect(text).toMatch(/^broken: /m);
  expect(status).toBe(1);
});

test('what is no eBPF object, or has no BTF, is refused before any kernel is read', async () => {
  const native = compile(folder, 'int number;');
  await expect(run([native], { archive })).rejects.toMatchObject({ reason: 'bad-elf' });
  const bare = join(folder, 'bare.o');
  const named = readFileSync(objects.get('fields') ?? '').toString('latin1');
  writeFileSync(bare, named.replaceAll('.BTF.ext', '.BTF.not'), 'latin1');
  await expect(run([bare], { archive })).rejects.toMatchObject({ reason: 'bad-btf' });
});

test('files come before an archive, and the default archive is that of the other commands', async () => {
  const nowhere = { archive, btf: [join(folder, 'nowhere.btf')] };
  const { report } = await run(['fields'], nowhere);
  expect(report.unread.map(({ kernel }) => kernel)).toEqual(['nowhere']);
  expect(check.options.archive.shownDefault).toBe(tailor.options.archive.shownDefault);
});

test('the report says both types, where in the source, on which kernels, and what to do', async () => {
  const { text, summary, failures } = await run(['arrays'], { archive });
  const file = (objects.get('arrays') ?? '').replace(/o$/, 'c');
  const blocks = text.split('\n\n');
  expect(blocks.find((block) => block.includes('task.comm'))).toBe(
    [
      `${basename(file, '.c')}.o: struct task.comm[7]: struct task.comm: of a kind that does not fit`,
      `  at ${file}:26:8`,
      '     out += BPF_CORE_READ(t, inner.numbers[3]) + BPF_CORE_READ(t, comm[7]);',
      '  the program has char[16]',
      '  the kernel has  char',
      '  in program',
      '  on 22.03 aarch64 5.10.0-136',
      '  on 22.03 x86_64 5.10.0-60: 5.10.0-60.3.oe2203.x86_64 (1 of 3)',
      "  hint: Declare a second version of the struct with a flavour ('struct task___old') in which the field has the kernel's type, and choose with bpf_core_field_exists().",
    ].join('\n'),
  );
  expect(summary).toMatch(
    /^\| \d+\.bpf\.o \| struct task\.comm\\\[7\\\] \| .*the program has char.*the kernel has char \|/m,
  );
  const annotation = failures?.find(({ title }) => title.endsWith('struct task.comm[7]'));
  expect(annotation?.source).toEqual({ file: basename(file), line: 26, column: 8 });
  expect(annotation?.message).toMatch(/\(1 of 3\)\. Declare a second version/);
});

test('kernels that have no neighbours are separate ranges', async () => {
  const place = join(folder, 'ranges');
  const unames = [1, 2, 3, 10, 11].map((number) => `5.10.0-60.${number}.oe2203.x86_64`);
  const tarballs = await Promise.all(
    unames.map(async (uname, index) => {
      const btf = paholeBtf(folder, KERNELS[index === 1 ? 'base' : 'poor'] ?? '');
      return [uname, await packBtf(programs, asUname(uname), btf)] as const;
    }),
  );
  writeFiles(place, shelveReal(Object.fromEntries(tarballs)));
  const { report, text, outputs } = await run(['arrays'], { archive: place });
  const missing = report.results[0]?.missing.find(({ what }) => what === 'struct task.comm[7]');
  expect(missing?.ranges).toEqual([
    { first: unames[0], last: unames[0], count: 1 },
    { first: unames[2], last: unames[4], count: 3 },
  ]);
  expect(text).toContain(`${unames[0]}, ${unames[2]} to ${unames[4]} (4 of 5)`);
  expect(outputs).toEqual({ kernels: '5', good: '1', unread: '0' });
});

test('a program of a kind that came later is missing on older kernels', async () => {
  const source = `${(PROGRAMS.missing ?? '').split('SEC("raw_tp/x")')[0]}
    SEC("fentry/tcp_connect") int traced(void *context) { return 0; }`;
  const object = compileBpf(folder, source, 'bpf');
  const btf = join(folder, 'tcp.btf');
  writeFileSync(btf, paholeBtf(folder, 'int tcp_connect(int socket) { return socket; }'));
  const copies = ['4.19.90-2112.oe1.x86_64', '5.10.0-60.oe2203.x86_64'].map((uname) => {
    const path = join(folder, `${uname}.btf`);
    writeFileSync(path, readFileSync(btf));
    return path;
  });
  const { report } = await run([object], { btf: copies });
  expect(report.results.map(({ missing }) => missing.map(({ detail }) => detail))).toEqual([
    ['kernels before Linux 5.5 have no fentry programs'],
    [],
  ]);
});

/** Asks a 4.19 kernel for what it has, for what came later, and for that behind a question. */
const NEWER = `${TASKS_AND_SOCKETS}
struct task_struct___core { unsigned long core_cookie; } CORE;
struct io_uring_task { int cached_refs; } CORE;
SEC("raw_tp/later") int later(struct task_struct___core *t) {
  out += BPF_CORE_READ(t, core_cookie);
  return 0; }
SEC("raw_tp/guarded") int guarded(struct io_uring_task *t) {
  if (bpf_core_type_exists(struct io_uring_task)) out += BPF_CORE_READ(t, cached_refs);
  return 0; }
`;

describe.each(['x86_64', 'aarch64'])('the real BTF of %s', (arch) => {
  const name = `4.19.90-2112.8.0.0131.oe1.${arch}`;
  const tarball = join(shared, 'samples', `${name}.btf.tar.xz`);

  testWithShared('samples')('has and lacks what libbpf says', async () => {
    const [sound, newer] = [TASKS_AND_SOCKETS, NEWER].map((source) =>
      compileBpf(folder, source, 'bpf'),
    );
    execFileSync('tar', ['--extract', '--xz', '-f', tarball, '-C', folder]);
    const libbpf = buildLibbpf(folder);
    const invalid = (object = '') =>
      [...libbpf('stand-in', object, join(folder, `${name}.btf`)).done]
        .filter(([, what]) => what === 'invalid')
        .map(([place]) => place.replace(/ \d+$/, ''));
    // libbpf marks what nothing reaches as well: the kernel's verifier would never come there.
    expect(new Set(invalid(sound))).toEqual(new Set(['tasks']));
    expect(new Set(invalid(newer))).toEqual(new Set(['tasks', 'later', 'guarded']));
    const { report, status } = await run([sound ?? '', newer ?? ''], { btf: [tarball] });
    expect(status).toBe(1);
    const [good, bad] = report.results;
    expect(good).toMatchObject({ line: name, kernels: 1, good: 1, missing: [] });
    expect(bad).toMatchObject({ line: name, kernels: 1, good: 0 });
    expect(bad?.missing).toEqual([
      expect.objectContaining({
        what: 'struct task_struct___core.core_cookie',
        why: 'no-field',
        when: 'always',
        functions: ['later'],
        kernels: [name],
        detail: expect.stringContaining('no such member'),
      }),
    ]);
  });

  testWithShared('samples')('is judged in an archive as in a file', async () => {
    const place = join(folder, `archive-${arch}`);
    writeFiles(place, shelveReal({ [name]: readFileSync(tarball) }));
    const object = compileBpf(folder, NEWER, 'bpf');
    const [archived, alone] = [
      await run([object], { archive: place }),
      await run([object], { btf: [tarball] }),
    ];
    const [one] = archived.report.results;
    expect(one?.line).toBe(`20.03 ${arch} 4.19.90-2112`);
    expect(one?.missing).toEqual(alone.report.results[0]?.missing);
  });
});
