import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packBtf } from '../../src/btf/tarball.ts';
import { check } from '../../src/commands/check.ts';
import type { CheckReport } from '../../src/jobs/check.ts';
import { asUname } from '../../src/names.ts';
import { systemClock } from '../../src/world/clock.ts';
import type { World } from '../../src/world/world.ts';
import { KERNELS, PROGRAMS } from '../btf/core/cases.ts';
import { compile, compileBpf, paholeBtf, programs, temporaryFolder } from '../btf/made.ts';

const folder = temporaryFolder();
const archive = join(folder, 'archive');
const objects = new Map<string, string>();

const world: World = {
  ...{ env: process.env, clock: systemClock, programs },
  interrupted: new AbortController().signal,
  http: { request: () => Promise.reject(new Error('check asks nobody')) },
  ...{ stdout: { write: () => true }, stderr: { write: () => true } },
};

const ALL = { kernel: ['all'], arch: ['all'], release: ['all'] };
const none = { archive: undefined, btf: [] };

async function run(
  names: readonly string[],
  changes: Partial<Parameters<typeof check.run>[1]>,
): Promise<{ status: number; report: CheckReport; text: string }> {
  const object = names.map((name) => objects.get(name) ?? name);
  const outcome = await check.run(world, { ...ALL, ...none, object, ...changes }, []);
  return { ...outcome, report: outcome.document as CheckReport };
}

/** Puts a kernel into the archive, on Arm under both names. */
async function shelve(kernel: string, version: string, unames: readonly string[]): Promise<void> {
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
  await shelve('base', '22.03', ['5.10.0-60.1.oe2203.x86_64', '5.10.0-60.2.oe2203.x86_64']);
  await shelve('poor', '22.03', ['5.10.0-60.3.oe2203.x86_64', '5.10.0-136.1.oe2203sp1.aarch64']);
  await shelve('moved', '24.03', ['6.6.0-28.1.oe2403.x86_64']);
  for (const name of ['fields', 'guarded', 'guarded by a constant']) {
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
    ...{ why: 'no-field', what: 'struct task.state', when: 'always', functions: ['program'] },
    ...{ detail: 'struct task.state: no such member', kernels: ['5.10.0-60.3.oe2203.x86_64'] },
  });
  expect(text).toMatch(
    /22\.03 x86_64 5\.10\.0-60 +2 of 3 +1 +struct task\.state +.*no such member/,
  );
});

test('what a program asks for first is no error', async () => {
  const { status, report, text } = await run(['guarded'], { archive });
  expect(report.results.flatMap(({ missing }) => missing)).toEqual([]);
  expect(status).toBe(0);
  expect(text).toMatch(/3 lines +5 of 5$/m);
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

test('an archive or files say which kernels to look at, and files come before an archive', async () => {
  await expect(run(['fields'], {})).rejects.toMatchObject({ reason: 'usage' });
  const nowhere = { archive, btf: [join(folder, 'nowhere.btf')] };
  const { report } = await run(['fields'], nowhere);
  expect(report.unread.map(({ kernel }) => kernel)).toEqual(['nowhere']);
});
