// TypeScript of the project for scripts, which run on Node alone.
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Bundles a module of TypeScript.
 * @param {string} name of the bundle in node_modules/.cache/btfhub, without its ending
 * @param {string} contents the module; its paths begin at the project's folder
 * @returns {Promise<string>} the bundle's path
 */
export async function bundleSources(name, contents) {
  const outfile = join(root, 'node_modules', '.cache', 'btfhub', `${name}.mjs`);
  mkdirSync(dirname(outfile), { recursive: true });
  await build({
    stdin: { contents, resolveDir: root },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
    // Some packages are CommonJS and call require.
    banner: {
      js: `import { createRequire as __createRequire } from 'node:module';
        const require = __createRequire(import.meta.url);`,
    },
  });
  return outfile;
}

/** The same, and imports it: what the module exports. */
export async function importSources(name, contents) {
  return import(await bundleSources(name, contents));
}
