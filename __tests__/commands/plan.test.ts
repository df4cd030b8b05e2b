import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CatalogEntry,
  failedEntry,
  mergeCatalog,
  serialiseCatalog,
} from '../../src/archive/catalog.ts';
import { tarballPath } from '../../src/archive/layout.ts';
import { RECORD_SCHEMA } from '../../src/archive/record.ts';
import type { Values } from '../../src/commands/command.ts';
import { plan } from '../../src/commands/plan.ts';
import { readOptions } from '../../src/commands/values.ts';
import { Failure, type Reason } from '../../src/failure.ts';
import type { Matrix } from '../../src/jobs/plan/matrix.ts';
import type { Plan } from '../../src/jobs/plan/plan.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { KernelPackage } from '../../src/sources/kernels.ts';
import { bytes } from '../download/conditions.ts';
import { startGitServer } from '../git/git-server.ts';
import { commit, createRepository } from '../git/repositories.ts';
import { checked, runCommand } from '../schemas.ts';
import { fastPlatform } from '../tree/platform.ts';
import { buildProgram, type Run } from '../tree/program.ts';
import { serveTree } from '../tree/server.ts';
import { makeWholeTree } from '../tree/whole.ts';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-plan-'));
afterAll(() => rmSync(folder, { recursive: true }));
const mirror = join(folder, 'mirror');
const published = makeWholeTree(mirror);
const btfhub = buildProgram(folder);
const notes: string[] = [];
afterAll(() => process.stderr.write(notes.map((line) => `plan: ${line}\n`).join('')));

let server: Awaited<ReturnType<typeof serveTree>>;
let forge: Awaited<ReturnType<typeof startGitServer>>;
beforeAll(async () => {
  server = await serveTree(mirror);
  forge = await startGitServer(folder);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await forge.close();
});

const cached = () => ['--mirror', server.url, '--cache', join(folder, 'cache')];

/** The command in a process of its own, whose time and memory are noted. */
async function planAlone(what: string, ...args: string[]): Promise<Run> {
  const run = await btfhub(['plan', ...cached(), ...args]);
  notes.push(`${what}: ${run.seconds.toFixed(1)} s, ${run.peak.toFixed(0)} MB`);
  return run;
}

/** The command in this process, which saves the second that a process takes to start. */
async function planHere(...args: string[]): Promise<Pick<Run, 'status' | 'stdout' | 'stderr'>> {
  const given: Record<string, string[] | true> = {};
  const words = [...cached(), ...args];
  for (const [at, word] of words.entries()) {
    const value = words[at + 1];
    if (!word.startsWith('--')) continue;
    const name = word.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const before = given[name] === true ? [] : (given[name] ?? []);
    given[name] = value === undefined || value.startsWith('--') ? true : [...before, value];
  }
  try {
    const options = readOptions(plan.options, given, {}) as Values<typeof plan.options>;
    const { status, document, text } = await runCommand(
      plan,
      fastPlatform({ clock: systemClock }),
      options,
    );
    return { status, stdout: given.json ? JSON.stringify(document) : text, stderr: '' };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { status: 2, stdout: '', stderr: `${error.message} ${error.advice}` };
  }
}

/** The words of a matrix, which an action gets in its environment, as options of a command line. */
const repeat = (option: string, words = '') => words.split(' ').flatMap((word) => [option, word]);

const planOf = ({ stdout }: Pick<Run, 'stdout'>): Plan => checked('plan', JSON.parse(stdout));

/** What each kernel is made to be, by turns. */
const TURNS = [
  'archived',
  'pending',
  'hopeless',
  'recent',
  'due',
  'replaced',
  'new',
  'new',
] as const;
type Turn = (typeof TURNS)[number];

function makeArchive(kernels: readonly KernelPackage[]): Map<string, Turn> {
  const turns = new Map<string, Turn>(
    kernels.map(({ uname }, index) => [uname, TURNS[index % TURNS.length] as Turn]),
  );
  const repository = createRepository(folder, 'archive.git');
  const paths = (turn: Turn) =>
    kernels
      .filter(({ uname }) => turns.get(uname) === turn)
      .map((one) => tarballPath(one, one.uname));
  const tarballs = (names: readonly string[]) =>
    Object.fromEntries(names.map((name, index) => [name, bytes(8000, index + name.length)]));
  const archived = paths('archived');
  const gone = Array.from(
    { length: 700 - archived.length },
    (_, n) => `openEuler/20.03/x86_64/4.19.90-1900.${n}.0.oe1.x86_64.btf.tar.xz`,
  );
  const base = commit(repository, 'master', {
    'README.md': '#',
    ...tarballs([...archived, ...gone]),
  });
  commit(repository, 'next', tarballs(paths('pending')), 'More', base);
  const entries = kernels.flatMap((kernel) =>
    failedBefore(kernel, turns.get(kernel.uname) as Turn),
  );
  const catalog = serialiseCatalog(mergeCatalog(new Map(), entries));
  commit(repository, 'catalog', { 'catalog.json': catalog });
  return turns;
}

function failedBefore(kernel: KernelPackage, turn: Turn): CatalogEntry[] {
  const long = ['2025-01-01T00:00:00.000Z', 'no-vmlinux'] as const;
  const failures: Partial<Record<Turn, readonly [at: string, reason: Reason]>> = {
    hopeless: long,
    replaced: long,
    due: ['2025-01-01T00:00:00.000Z', 'pahole-failed'],
    recent: [new Date(Date.now() - 3_600_000).toISOString(), 'network'],
  };
  const [finishedAt, reason] = failures[turn] ?? [];
  if (finishedAt === undefined || reason === undefined) return [];
  const { uname, nvra, distribution, versionId, releases, arch, size, checksum } = kernel;
  const sha256 = turn === 'replaced' ? 'e'.repeat(64) : checksum.value;
  const url = `https://mirror.example/${kernel.locations[0]}`;
  return [
    failedEntry({
      schema: RECORD_SCHEMA,
      state: 'failed',
      uname,
      nvra,
      distribution,
      versionId,
      releases,
      arch,
      package: { url, size, sha256 },
      reason,
      message: 'It failed.',
      finishedAt,
    }),
  ];
}

test('a mirror of 12 releases: every kernel is found, and is to be built where there is no archive', async () => {
  expect(published.length).toBeGreaterThan(380);
  const title = `${published.length} kernels in 48 repositories, nothing cached`;
  const run = await planAlone(title, '--json');
  expect(run.stderr).toContain('in 48 repositories');
  expect(run.status).toBe(0);
  const { kernels, rows, total, troubles } = planOf(run);
  expect(kernels.map(({ uname }) => uname).sort()).toEqual(
    published.map(({ uname }) => uname).sort(),
  );
  expect(rows).toHaveLength(24);
  expect(total).toMatchObject({ published: published.length, build: published.length });
  expect(troubles).toEqual([]);
  const shared = kernels.filter(({ releases }) => releases.length > 1);
  expect(shared).toHaveLength(8);
  for (const { locations } of shared) expect(locations).toHaveLength(2);
  const rpm = kernels[0] as KernelPackage;
  const file = readFileSync(join(mirror, rpm.locations[0]));
  expect(createHash('sha256').update(file).digest('hex')).toBe(rpm.checksum.value);
});

test('a second run transfers nothing but 304s', async () => {
  const before = await planHere('--json');
  server.answers.length = 0;
  const run = await planAlone('the same again, from the cache', '--json');
  expect(planOf(run).kernels).toEqual(planOf(before).kernels);
  expect(server.answers.length).toBeGreaterThanOrEqual(48);
  // The tree has no repositories of boot images, and that is asked again.
  const sent = server.answers.filter((line) => !line.startsWith('304'));
  expect(sent.filter((line) => !/^404 .*\/OS\//.test(line))).toEqual([]);
});

describe('against an archive of 700 files behind a git server', () => {
  let all: readonly KernelPackage[];
  let turns: ReadonlyMap<string, Turn>;
  let archive: string[];
  const expected = (...wanted: readonly Turn[]) =>
    all.filter(({ uname }) => wanted.includes(turns.get(uname) as Turn)).map(({ uname }) => uname);
  beforeAll(async () => {
    all = planOf(await planHere('--json')).kernels;
    turns = makeArchive(all);
    archive = ['--archive', forge.url('archive.git')];
  });

  test('exactly the rest is to be built, and no tarball is moved to know it', async () => {
    forge.reset();
    const run = await planAlone('against an archive of 700 files', '--json', ...archive);
    notes.push(`bytes from the archive's server: ${forge.wire.sent}`);
    expect(run.status).toBe(0);
    const { kernels, total, rows } = planOf(run);
    expect(kernels.map(({ uname }) => uname)).toEqual(expected('due', 'replaced', 'new'));
    expect(total).toEqual({
      published: all.length,
      archived: expected('archived').length,
      pending: expected('pending').length,
      failed: expected('hopeless', 'recent').length,
      embedded: 0,
      later: 0,
      build: kernels.length,
      modulesAlone: 0,
      bytes: kernels.reduce((sum, { size }) => sum + size, 0),
    });
    for (const key of ['published', 'archived', 'pending', 'failed', 'build', 'bytes'] as const) {
      expect(rows.reduce((sum, row) => sum + row[key], 0)).toBe(total[key]);
    }
    // 700 tarballs of 8 kB, and a catalog of a few hundred failures: names alone are a tenth of that.
    expect(forge.wire.sent).toBeLessThan(200_000);
  });

  test('with --modules those that lack a file with modules are offered too, until the branch has it', async () => {
    const asked = ['--json', '--modules', 'default', ...archive];
    const here = expected('archived', 'pending');
    const { kernels, total } = planOf(await planHere(...asked));
    const alone = (all: readonly KernelPackage[]) =>
      all.filter(({ modules }) => modules === 'alone').map(({ uname }) => uname);
    expect(alone(kernels)).toEqual(here);
    expect(total).toMatchObject({ archived: 0, pending: 0, modulesAlone: here.length });
    expect(kernels.filter(({ modules }) => modules === 'beside').map(({ uname }) => uname)).toEqual(
      expected('due', 'replaced', 'new'),
    );
    const { stdout } = await planHere('--modules', 'default', ...archive);
    expect(stdout).toContain(
      `${kernels.length} kernels are to be built (${here.length} for their modules alone), from`,
    );

    const [reviewed = '', waiting = '', ...rest] = here;
    const files = (uname: string) =>
      Object.fromEntries(
        all
          .filter((one) => one.uname === uname)
          .map((one) => [tarballPath(one, one.uname), bytes(100, 1)]),
      );
    const repository = join(folder, 'archive.git');
    const base = commit(repository, 'modules', files(reviewed));
    commit(repository, 'modules-next', files(waiting), 'More', base);
    expect(alone(planOf(await planHere(...asked)).kernels)).toEqual(rest);
  });

  test('--retry-failed takes what failed as well', async () => {
    const { kernels } = planOf(await planHere('--json', '--retry-failed', ...archive));
    expect(kernels.map(({ uname }) => uname)).toEqual(
      expected('due', 'replaced', 'new', 'hopeless', 'recent'),
    );
  });

  test('--skip-embedded, --since and --limit leave out what they say', async () => {
    const skipping = planOf(await planHere('--json', '--skip-embedded', ...archive));
    expect(skipping.total.embedded).toBeGreaterThan(50);
    expect(new Set(skipping.kernels.map(({ evr }) => evr.version))).toEqual(new Set(['4.19.90']));

    const since = planOf(await planHere('--json', '--since', '2021-01-01'));
    const day = Date.UTC(2021, 0, 1) / 1000;
    expect(since.total.published).toBe(all.filter(({ builtAt }) => builtAt >= day).length);
    expect(since.total.published).toBeLessThan(all.length);

    const limited = planOf(await planHere('--json', '--limit', '7', ...archive));
    expect(limited.total).toMatchObject({ build: 7, published: all.length });
    expect(limited.total.later).toBe(expected('due', 'replaced', 'new').length - 7);
  });

  test('the matrix shares out all of it, in words that select exactly that when given back', async () => {
    const run = await planHere('--matrix', '--max-jobs', '5', ...archive);
    const matrix: Matrix = JSON.parse(run.stdout);
    const wanted = expected('due', 'replaced', 'new');
    expect(matrix.count).toBe(wanted.length);
    expect(matrix.include).toHaveLength(5);
    const [one, ...rest] = matrix.include;
    const again = await planHere(
      ...['--json', ...repeat('--release', one?.release), ...repeat('--arch', one?.arch)],
      ...repeat('--kernel', one?.kernels),
    );
    expect(
      planOf(again)
        .kernels.map(({ uname }) => uname)
        .sort(),
    ).toEqual(one?.kernels.split(' ').sort());
    const named = [one, ...rest].flatMap((job) => job?.kernels.split(' ') ?? []);
    expect(named.sort()).toEqual([...wanted].sort());
  });

  test('people read a table, with what is to be done below', async () => {
    const { stdout } = await planHere('--release', '24.03-*', ...archive);
    expect(stdout).toMatch(
      /^release +arch +published +archived +pending +failed +to build +download\n/,
    );
    expect(stdout).toMatch(/\n24\.03-LTS-SP1 +aarch64 +16 +\d+ +\d+ +\d+ +\d+ +[\d.]+ kB\n/);
    expect(stdout).toMatch(
      /\nall +64 .*\n\n\d+ kernels are to be built, from [\d.]+ kB of packages\. --method dwarf: \d+ kernels, .*; --method embedded: 0 kernels, .*\.\n$/,
    );
  });

  test('with nothing to do it says so, exits with 0, and the matrix has a count of 0', async () => {
    const none = ['--kernel', expected('archived')[0] as string, ...archive];
    expect(await planHere(...none)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/\n\nNothing is to be built\.\n$/),
    });
    expect((await planHere('--matrix', ...none)).stdout).toBe('{"include":[],"count":0}\n');
  });

  test('a base branch that is not there is no empty archive', async () => {
    const run = await planHere('--base', 'mastre', ...archive);
    expect(run).toMatchObject({ status: 2, stdout: '' });
    expect(run.stderr).toContain("has no branch 'mastre'");
  });
});

test('a kernel that is not published is named beside the others, with exit status 1', async () => {
  const published = planOf(await planHere('--json')).kernels[0]?.uname ?? '';
  const run = await planHere(...repeat('--kernel', `1.2.3 ${published}`), '--json');
  expect(run.status).toBe(1);
  expect(planOf(run).troubles).toMatchObject([{ where: '--kernel 1.2.3', reason: 'not-found' }]);
  expect(planOf(run).kernels).toHaveLength(1);
});

test('arm64 and amd64 select aarch64 and x86_64', async () => {
  const archesOf = async (arch: string) =>
    new Set(planOf(await planHere('--json', '--arch', arch)).kernels.map((one) => one.arch));
  expect(await archesOf('arm64')).toEqual(new Set(['aarch64']));
  expect(await archesOf('amd64')).toEqual(new Set(['x86_64']));
});

test('a folder that is no archive is refused unless --allow-empty is given', async () => {
  const other = join(folder, 'project');
  mkdirSync(join(other, 'src'), { recursive: true });
  writeFileSync(join(other, 'src', 'main.c'), '');
  const run = await planHere('--archive', other);
  expect(run).toMatchObject({ status: 2, stdout: '' });
  expect(run.stderr).toContain(`${other} is no archive`);
  expect(run.stderr).toContain('--allow-empty');
  const empty = ['--json', '--archive', other, '--allow-empty'];
  expect(planOf(await planHere(...empty)).kernels).toHaveLength(published.length);
  const branchless = await planHere(...empty, '--modules', 'xfs');
  expect(branchless.stderr).toContain("is a folder without git, so it has no branch 'modules'");
});

test.each([
  [['--kernel', '1.2.3'], '--kernel 1.2.3 matches nothing. Nearest of'],
  [['--limit', 'much'], "--limit: 'much' is no limit"],
  [['--since', '2026-02-31'], "--since: '2026-02-31' is neither a day"],
  [['--max-jobs', '300'], '--max-jobs'],
  [['--release', '21.99'], '--release 21.99 matches nothing. There are: 20.03-LTS,'],
  [['--archive', '/nonexistent'], 'There is no archive at /nonexistent'],
  [['--modules', '../xfs'], "--modules: '../xfs' of --modules is no module's name."],
])('%j is refused with what would do', async (args, message) => {
  const run = await planHere(...args);
  expect(run).toMatchObject({ status: 2, stdout: '' });
  expect(run.stderr).toContain(message);
});
