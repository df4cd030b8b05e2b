// The program as one text: src/cli.ts with all that it imports.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

// As in bundle.mjs: what the toolkit brings and is never used here.
const withoutToolkitHttp = {
  name: 'without-toolkit-http',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^\.\/oidc-utils\.js$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path),
      sideEffects: false,
    }));
    onResolve({ filter: /^@actions\/http-client$/ }, async (asked) => {
      if (asked.pluginData === 'resolving') return undefined;
      const { kind, resolveDir } = asked;
      const found = await resolve(asked.path, { kind, resolveDir, pluginData: 'resolving' });
      return { path: found.path, sideEffects: false };
    });
  },
};

/**
 * Bundles the program.
 *
 * @param {import('esbuild').BuildOptions} options what is special about this form of the bundle
 * @returns {Promise<{ text: string, inputs: string[] }>} the program, and the paths of the files in it
 */
export async function bundleProgram(options) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli.ts'],
    outfile: 'btfhub-main.mjs',
    bundle: true,
    platform: 'node',
    target: 'node20.18',
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'warning',
    plugins: [withoutToolkitHttp],
    ...options,
    define: { __VERSION__: JSON.stringify(version), ...options.define },
  });
  const [output] = Object.values(result.metafile.outputs);
  // Only the files of which something is left in the program.
  const inputs = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { text: result.outputFiles[0].text, inputs: inputs.map(([path]) => path) };
}
