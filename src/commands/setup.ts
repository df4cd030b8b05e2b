import { SetupDocument } from '../documents/use.ts';
import { openProgress } from '../report/open.ts';
import { textTable } from '../report/table.ts';
import { type CachePlan, planCache } from '../toolchain/cache-key.ts';
import { prepareToolchain, type Toolchain } from '../toolchain/prepare.ts';
import { defaultCacheFolder } from '../toolchain/tool-cache.ts';
import { defineCommand, flag, type Outcome } from './command.ts';
import { toolchainOptions, toToolRequest } from './toolchain-options.ts';

export const setup = defineCommand({
  name: 'setup',
  summary: 'install pahole and xz for btfhub',
  description:
    'Uses the tool cache or the programs of the system if their version is right, else builds from source at a pinned commit and saves the result in the tool cache. `build` does the same when it starts.',
  options: {
    ...toolchainOptions,
    showCache: flag('only print the cache key and the folders that a workflow should cache'),
  },
  examples: [
    'btfhub setup',
    'btfhub setup --pahole 1.31 --install-dependencies',
    'btfhub setup --pahole 1.31 --tool-source dwarves=https://mirror.example/pahole.git',
    'btfhub setup --show-cache --json',
  ],
  document: SetupDocument,
  run: async (platform, options): Promise<Outcome<typeof SetupDocument>> => {
    const request = toToolRequest(options);
    const cache = await planCache(request.cacheFolder ?? defaultCacheFolder(platform.env), request);
    const outputs = { 'cache-key': cache.key, 'cache-path': cache.folders.join('\n') };
    if (options.showCache) {
      const text = `${[cache.key, ...cache.folders].join('\n')}\n`;
      return { status: 0, document: cache, text, outputs };
    }
    const tools = await prepareToolchain(platform, request, openProgress(platform));
    const versions = { 'pahole-version': tools.pahole.version, 'xz-version': tools.xz.version };
    return {
      status: 0,
      document: document(tools, cache),
      text: table(tools),
      outputs: { ...outputs, ...versions },
    };
  },
});

function document({ pahole, xz }: Toolchain, cache: CachePlan) {
  return {
    pahole: {
      version: pahole.version,
      origin: pahole.origin,
      path: pahole.path,
      options: [...pahole.options].sort(),
      features: [...pahole.features].sort(),
    },
    xz,
    cache,
  };
}

function table(tools: Toolchain): string {
  const rows = Object.entries(tools).map(([name, { version, origin, path }]) => [
    name,
    version,
    origin,
    path,
  ]);
  return textTable(
    ['tool', 'version', 'origin', 'path'].map((title) => ({ title })),
    rows,
  );
}
