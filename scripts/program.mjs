// The program for esbuild: what dist/ and the single file of a release have in common.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './import-sources.mjs';

export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

// The toolkit's identity tokens and downloads bring an HTTP client of their own, 800 kB of it, which is never used here;
// the packages do not say that it may be left out.
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

/** What is replaced in the sources. */
export const define = { __VERSION__: JSON.stringify(version) };

/** @type {import('esbuild').BuildOptions} src/cli.ts with all that it imports; nothing is written. */
export const program = {
  absWorkingDir: root,
  entryPoints: { 'btfhub-main': 'src/cli.ts' },
  outdir: '.',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  target: 'node20.18',
  legalComments: 'none',
  define,
  plugins: [withoutToolkitHttp],
  metafile: true,
  write: false,
  logLevel: 'warning',
};
