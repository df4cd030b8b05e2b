import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { Failure } from '../failure.ts';
import type { Timeouts } from '../git/checkout.ts';
import type { Platform } from '../platform/platform.ts';
import { fetchSources } from './fetch-sources.ts';
import type { Companion, Recipe } from './recipes.ts';
import type { ToolSource } from './sources.ts';
import { versionIn } from './version.ts';

type BuildToolPlatform = Pick<Platform, 'env' | 'programs' | 'clock' | 'interrupted'>;

export interface ToolBuildOptions {
  readonly sources: readonly ToolSource[];
  readonly timeouts: Timeouts;
  readonly note: (message: string) => void;
  /** Told when `sources`, `configure`, `compile` and `check` begin. */
  readonly stage: (name: string) => void;
}

/**
 * Builds a tool in the empty folder `work` and gives back the folder that belongs into the cache:
 * `bin/<program>`, and in `lib/` the libraries it needs that not every machine has.
 * Throws what `fetchSources` throws, and `missing-program` when the compiler or the result fails.
 */
export async function buildTool(
  platform: BuildToolPlatform,
  recipe: Recipe,
  work: string,
  options: ToolBuildOptions,
): Promise<string> {
  const [source, build, finished] = [join(work, 'source'), join(work, 'build'), join(work, 'tool')];
  options.stage('sources');
  await fetchSources(platform, recipe, options.sources, source, options);
  options.stage('configure');
  await cmake(platform, recipe, ['-S', source, '-B', build, ...recipe.cmake]);
  options.stage('compile');
  const jobs = String(availableParallelism());
  await cmake(platform, recipe, ['--build', build, '--parallel', jobs, '--target', recipe.target]);
  options.stage('check');
  await collect(platform, join(build, recipe.target), finished);
  await checkVersion(platform, recipe, join(finished, 'bin', recipe.target));
  if (recipe.companion) {
    await cmake(platform, recipe, ['--build', build, '--target', recipe.companion.target]);
    await compile(platform, recipe, recipe.companion, { source, build, finished });
  }
  return finished;
}

async function compile(
  platform: BuildToolPlatform,
  recipe: Recipe,
  { name, source: text, library, headers }: Companion,
  folders: { readonly source: string; readonly build: string; readonly finished: string },
): Promise<void> {
  const file = join(folders.build, `${name}.c`);
  const program = join(folders.finished, 'bin', name);
  await writeFile(file, text);
  const answer = await platform.programs.run({
    program: 'cc',
    args: [
      '-O2',
      `-I${join(folders.source, headers)}`,
      '-o',
      program,
      file,
      join(folders.build, library),
      '-pthread',
    ],
    signal: platform.interrupted,
    group: true,
  });
  if (answer.status === 0) return;
  throw failed(`${name} cannot be built with ${recipe.tool}: ${firstError(answer.stderr)}.`);
}

async function cmake(
  platform: BuildToolPlatform,
  recipe: Recipe,
  args: readonly string[],
): Promise<void> {
  const answer = await platform.programs.run({
    program: 'cmake',
    args,
    env: { DESTDIR: undefined, CMAKE_GENERATOR: 'Unix Makefiles' },
    signal: platform.interrupted,
    group: true,
  });
  if (answer.status === 0) return;
  const said = firstError(`${answer.stderr}\n${answer.stdout.toString('utf8')}`);
  throw failed(`${recipe.tool} ${recipe.version} cannot be built: ${said}.`);
}

/** The first error of a build and the lines that explain it, or the end where none is called one. */
function firstError(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const said = lines.filter((line) => line !== '');
  const first = said.findIndex((line) => /error/i.test(line));
  return said.slice(first < 0 ? -3 : first, first < 0 ? undefined : first + 3).join(' / ');
}

/** Libraries of glibc itself must be the machine's, and are on every machine. */
const GLIBC = /^(ld-linux|linux-vdso|lib(c|m|dl|rt|pthread)\.so)/;

async function collect(
  platform: BuildToolPlatform,
  program: string,
  finished: string,
): Promise<void> {
  await mkdir(join(finished, 'bin'), { recursive: true });
  await mkdir(join(finished, 'lib'));
  await copyFile(program, join(finished, 'bin', basename(program)));
  const { stdout } = await platform.programs.run({ program: 'ldd', args: [program] });
  for (const [, name = '', path = ''] of stdout
    .toString('utf8')
    .matchAll(/^\s*(\S+) => (\/\S+)/gm)) {
    if (!GLIBC.test(name)) await copyFile(path, join(finished, 'lib', name));
  }
}

async function checkVersion(
  platform: BuildToolPlatform,
  recipe: Recipe,
  program: string,
): Promise<void> {
  const answer = await platform.programs.run({ program, args: ['--version'] });
  const version = versionIn(answer.stdout.toString('utf8'));
  if (answer.status === 0 && version === recipe.version) return;
  throw failed(
    `What was built for ${recipe.tool} ${recipe.version} says that it is ${version ?? 'nothing'}.`,
  );
}

function failed(message: string): Failure {
  return new Failure('missing-program', message, "Or use the machine's own, with 'system'.");
}
