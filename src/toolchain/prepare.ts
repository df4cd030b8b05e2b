import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, Failure } from '../failure.ts';
import type { Timeouts } from '../git/checkout.ts';
import { nodeHasZstd } from '../platform/decompress.ts';
import type { Platform } from '../platform/platform.ts';
import { makeTemporaryFolder } from '../platform/temporary-folder.ts';
import type { Progress, Task } from '../report/progress.ts';
import { buildTool } from './build-tool.ts';
import {
  BUILD_DEPENDENCIES,
  DISTRIBUTION_PACKAGES,
  installDependencies,
  ZSTD,
} from './dependencies.ts';
import { TIMEOUTS } from './fetch-sources.ts';
import { inspectPahole, type Origin, type Pahole } from './pahole.ts';
import { caveats } from './pahole-arguments.ts';
import { RECIPES, type Recipe, type ToolName } from './recipes.ts';
import { type ToolSource, UPSTREAMS } from './sources.ts';
import { defaultCacheFolder, discardTool, findTool, saveTool } from './tool-cache.ts';
import { atLeast } from './version.ts';
import { FAST_XZ, inspectXz, type Xz } from './xz.ts';

type ToolchainPlatform = Pick<Platform, 'programs' | 'clock' | 'interrupted' | 'env'>;

export interface ToolRequest {
  /**
   * `auto` (the preferred version where it can be had, else the machine's own, with a warning),
   * `system` (what is on PATH), a version (that one or none), or a path (it holds a `/`).
   */
  readonly pahole: string;
  readonly xz: string;
  /** Default: `defaultCacheFolder(env)`. */
  readonly cacheFolder?: string | undefined;
  /** Asked before the public upstreams. */
  readonly sources: readonly ToolSource[];
  /** Whether packages may be installed by apt or dnf. */
  readonly allowInstall: boolean;
  /** Whether each step and each source that does not deliver is printed, also where `auto` goes on without. */
  readonly verbose?: boolean;
}

export interface Toolchain {
  readonly pahole: Pahole;
  readonly xz: Xz;
}

/** What can be built, and where its source comes from; tests replace it. */
export interface ToolSources {
  readonly recipes: readonly Recipe[];
  readonly timeouts: Timeouts;
  /** Asked after the request's sources. */
  readonly upstreams: readonly ToolSource[];
}

const PUBLIC: ToolSources = { recipes: RECIPES, timeouts: TIMEOUTS, upstreams: UPSTREAMS };

interface Tool<Inspected> {
  readonly name: ToolName;
  inspect(platform: ToolchainPlatform, path: string, origin: Origin): Promise<Inspected>;
  /** Whether `auto` is content with the machine's own of that version. */
  contentWith(version: string, preferred: string): boolean;
  /** What using that version means, where it is none that we would choose: whole sentences. */
  drawbacks(version: string): readonly string[];
}

const PAHOLE: Tool<Pahole> = {
  name: 'pahole',
  inspect: inspectPahole,
  contentWith: (version, preferred) => version === preferred,
  drawbacks: caveats,
};

const XZ: Tool<Xz> = {
  name: 'xz',
  inspect: inspectXz,
  contentWith: (version) => atLeast(version, FAST_XZ),
  drawbacks: (version) =>
    atLeast(version, FAST_XZ) ? [] : [`Before ${FAST_XZ} decoding takes half as long again.`],
};

/**
 * The pahole and the xz to work with, in this order: kept from before; the machine's own when it is
 * what was requested; built from source and kept. Throws `missing-program`, `network`,
 * `checksum-mismatch`, `usage` and `interrupted`, each with what to do.
 */
export async function prepareToolchain(
  platform: ToolchainPlatform,
  request: ToolRequest,
  progress: Progress,
  toolSources: ToolSources = PUBLIC,
): Promise<Toolchain> {
  const preparer = new ToolPreparer(platform, request, progress, toolSources);
  const tools = {
    pahole: await preparer.get(PAHOLE, request.pahole),
    xz: await preparer.get(XZ, request.xz),
  };
  await preparer.installZstd();
  return tools;
}

class ToolPreparer {
  readonly #platform: ToolchainPlatform;
  readonly #progress: Progress;
  readonly #toolSources: ToolSources;
  readonly #cacheFolder: string;
  readonly #sources: readonly ToolSource[];
  readonly #verbose: boolean;
  readonly #installing: { readonly allowed: boolean; readonly note: (message: string) => void };

  constructor(
    platform: ToolchainPlatform,
    request: ToolRequest,
    progress: Progress,
    toolSources: ToolSources,
  ) {
    this.#platform = platform;
    this.#progress = progress;
    this.#toolSources = toolSources;
    this.#cacheFolder = request.cacheFolder ?? defaultCacheFolder(platform.env);
    this.#sources = [...request.sources, ...toolSources.upstreams];
    this.#verbose = request.verbose ?? false;
    this.#installing = { allowed: request.allowInstall, note: (text) => progress.note(text) };
  }

  async get<T extends { readonly version: string }>(tool: Tool<T>, wanted: string): Promise<T> {
    if (wanted.includes('/')) return this.#asItIs(tool, wanted);
    if (wanted === 'system') return this.#system(tool);
    const recipe = this.#recipe(tool.name, wanted);
    const version = recipe?.version ?? wanted.replace(/^v/, '');
    const kept = recipe && (await this.#kept(tool, recipe));
    if (kept) return kept;
    const own = this.#platform.programs.find(tool.name) ? await this.#tryOwn(tool) : undefined;
    if (own?.version === version) return own;
    if (own && wanted === 'auto' && tool.contentWith(own.version, version)) return own;
    if (!recipe) throw this.#cannotBuild(tool.name, version);
    if (wanted !== 'auto') return this.#build(tool, recipe, true);
    return this.#build(tool, recipe, this.#verbose).catch((error) =>
      this.#fallBack(tool, recipe, error),
    );
  }

  /** Where it may be installed: few packages need it, so that its absence stops those alone. */
  async installZstd(): Promise<void> {
    if (!this.#installing.allowed || nodeHasZstd()) return;
    await installDependencies(this.#platform, [ZSTD], this.#installing).catch((error: unknown) => {
      this.#platform.interrupted.throwIfAborted();
      this.#progress.warn(describe(error));
    });
  }

  #recipe(tool: ToolName, wanted: string): Recipe | undefined {
    const recipes = this.#toolSources.recipes.filter((recipe) => recipe.tool === tool);
    return wanted === 'auto'
      ? recipes[0]
      : recipes.find(({ version }) => version === wanted.replace(/^v/, ''));
  }

  /** One that was changed, or does not run here any more, is removed. */
  async #kept<T>(tool: Tool<T>, recipe: Recipe): Promise<T | undefined> {
    try {
      const folder = await findTool(this.#cacheFolder, recipe);
      if (!folder) return undefined;
      return await tool.inspect(this.#platform, join(folder, 'bin', recipe.target), 'cached');
    } catch (error) {
      this.#progress.warn(`The kept ${tool.name} is not used, and built again: ${describe(error)}`);
      await discardTool(this.#cacheFolder, recipe);
      return undefined;
    }
  }

  async #tryOwn<T>(tool: Tool<T>): Promise<T | undefined> {
    return tool.inspect(this.#platform, tool.name, 'system').catch(() => undefined);
  }

  async #system<T extends { readonly version: string }>(tool: Tool<T>): Promise<T> {
    return this.#warnOf(tool, await this.#inspectSystem(tool));
  }

  async #asItIs<T extends { readonly version: string }>(tool: Tool<T>, path: string): Promise<T> {
    return this.#warnOf(tool, await tool.inspect(this.#platform, path, 'system'));
  }

  async #inspectSystem<T>(tool: Tool<T>): Promise<T> {
    await installDependencies(this.#platform, [DISTRIBUTION_PACKAGES[tool.name]], this.#installing);
    return tool.inspect(this.#platform, tool.name, 'system');
  }

  #warnOf<T extends { readonly version: string }>(tool: Tool<T>, found: T): T {
    const drawbacks = tool.drawbacks(found.version);
    if (drawbacks.length > 0) {
      this.#progress.warn(`${tool.name} ${found.version}: ${drawbacks.join(' ')}`);
    }
    return found;
  }

  /** @param verbose prints each source that does not deliver; else nothing is printed before a source is there */
  async #build<T>(tool: Tool<T>, recipe: Recipe, verbose: boolean): Promise<T> {
    await installDependencies(this.#platform, BUILD_DEPENDENCIES[tool.name], this.#installing);
    let task: Task | undefined;
    const temporary = this.#platform.env.RUNNER_TEMP || tmpdir();
    const work = await makeTemporaryFolder(temporary, 'build');
    try {
      const finished = await buildTool(this.#platform, recipe, work, {
        sources: this.#sources,
        timeouts: this.#toolSources.timeouts,
        note: (message) => verbose && this.#progress.note(message),
        stage: (name) => {
          if (!verbose && name === 'sources') return;
          task ??= this.#progress.begin(`${recipe.tool} ${recipe.version}`);
          task.stage(name);
        },
      });
      const folder = await saveTool(this.#cacheFolder, recipe, finished);
      const built = await tool.inspect(this.#platform, join(folder, 'bin', recipe.target), 'built');
      task?.end('built', folder);
      return built;
    } catch (error) {
      task?.end('failed');
      throw error;
    } finally {
      await rm(work, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** `auto`: the machine's own rather than none, but never past a tarball that was tampered with. */
  async #fallBack<T extends { readonly version: string }>(
    tool: Tool<T>,
    recipe: Recipe,
    error: unknown,
  ): Promise<T> {
    this.#platform.interrupted.throwIfAborted();
    if (error instanceof Failure && error.reason === 'checksum-mismatch') throw error;
    const wanted = `${recipe.tool} ${recipe.version}`;
    const own = await this.#inspectSystem(tool).catch((second) => {
      const advice = error instanceof Failure ? error.advice : undefined;
      throw new Failure(
        'missing-program',
        `${wanted} cannot be built here: ${describe(error)} And the machine has none: ${describe(second)}`,
        advice,
      );
    });
    const isOffline = error instanceof Failure && error.reason === 'network';
    const why = isOffline ? 'its source cannot be downloaded' : firstSentence(describe(error));
    const sentences = [
      `Using the machine's ${tool.name} ${own.version}, because ${wanted} cannot be built here: ${why}.`,
      ...tool.drawbacks(own.version),
      '--verbose says more.',
    ];
    this.#progress.warn(sentences.join(' '));
    return own;
  }

  #cannotBuild(tool: ToolName, version: string): Failure {
    const known = this.#toolSources.recipes.filter((recipe) => recipe.tool === tool);
    return new Failure(
      'usage',
      `The machine's ${tool} is not version ${version}, and that is none that can be built.`,
      `Choose ${known.map((recipe) => recipe.version).join(', ')}, auto, system or a path.`,
    );
  }
}

/** Up to the first full stop that ends a sentence, without it. */
function firstSentence(text: string): string {
  return text.split(/\.(?:\s|$)/)[0] ?? text;
}
