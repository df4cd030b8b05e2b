import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/platform/clock.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import type { Progress } from '../../src/report/progress.ts';
import {
  prepareToolchain,
  type ToolRequest,
  type ToolSources,
} from '../../src/toolchain/prepare.ts';
import type { Recipe } from '../../src/toolchain/recipes.ts';
import type { ToolSource } from '../../src/toolchain/sources.ts';
import { temporaryFolder } from './programs.ts';
import { LIBBPF, miniature, repository } from './remotes.ts';

const folder = temporaryFolder();
const repositories = join(folder, 'repositories');
const [good = ''] = repository(join(repositories, 'dwarves'), miniature('1.31'));
const [libbpf = ''] = repository(join(repositories, 'libbpf'), LIBBPF);
const UPSTREAMS: readonly ToolSource[] = (['dwarves', 'libbpf'] as const).map((name) => ({
  kind: 'git',
  repository: name,
  url: `file://${join(repositories, name)}`,
}));
export const DEAD: readonly ToolSource[] = [
  { kind: 'git', repository: 'dwarves', url: 'http://127.0.0.1:9/dwarves' },
];

/** The miniature of pahole at a commit, as 1.31. */
export function recipe(commit: string): Recipe {
  return {
    tool: 'pahole',
    version: '1.31',
    cmake: ['-DCMAKE_BUILD_TYPE=Release'],
    target: 'pahole',
    parts: [
      { repository: 'dwarves', commit, path: '.' },
      { repository: 'libbpf', commit: libbpf, path: 'lib/bpf' },
    ],
  };
}
export const RECIPE = recipe(good);

export interface Stage {
  readonly request?: Partial<ToolRequest>;
  readonly toolSources?: Partial<ToolSources>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** A machine of its own: a cache, a temporary folder, and a log of what was told. */
export function machine() {
  const [cacheFolder, temporary] = [temporaryFolder(), temporaryFolder()];
  const told: string[] = [];
  const progress: Progress = {
    begin: (name) => ({
      stage: (stage) => told.push(`${name}: ${stage}`),
      advance: () => {},
      end: (result) => told.push(`${name}: ${result}`),
    }),
    note: (message) => told.push(message),
    warn: (message) => told.push(`warning: ${message}`),
  };
  const request = { pahole: '1.31', xz: 'system', cacheFolder, sources: [], allowInstall: false };
  const toolSources = {
    recipes: [RECIPE],
    upstreams: UPSTREAMS,
    timeouts: { silence: 20, attempt: 20 },
  };
  return {
    cacheFolder,
    temporary,
    told,
    request,
    toolSources,
    prepare: (stage: Stage = {}) => {
      const env = { ...process.env, RUNNER_TEMP: temporary, ...stage.env };
      const platform = {
        env,
        programs: systemPrograms(env),
        clock: systemClock,
        interrupted: stage.signal ?? new AbortController().signal,
      };
      const requested = { ...request, ...stage.request };
      return prepareToolchain(platform, requested, progress, {
        ...toolSources,
        ...stage.toolSources,
      });
    },
  };
}

/** Everything below a folder, hidden files as well. */
export const everything = (path: string) =>
  existsSync(path) ? readdirSync(path, { recursive: true }) : [];
