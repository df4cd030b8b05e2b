#!/usr/bin/env node
// Bundles src/cli.ts into dist/btfhub.mjs. With --check nothing is written: it fails when the
// committed bundle is not what the sources give, byte for byte.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'dist', 'btfhub.mjs');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

// The bundle is CommonJS inside of an ES module, in the language of Node 12: openEuler's own package
// of Node is that old, and so it gets as far as this one line instead of a syntax error.
const banner = `#!/usr/bin/env node
// btfhub ${version}, Apache-2.0. Made by 'npm run build' out of src/; do not edit.
import { createRequire } from 'module';
{
  const [major, minor, patch] = process.versions.node.split('.').map(Number);
  const old = major < 20 || (major === 20 && (minor < 18 || (minor === 18 && patch < 1)));
  if (old || process.platform !== 'linux') {
    process.stderr.write(
      old
        ? 'btfhub needs Node.js 20.18.1 or newer, and this is ' + process.version + '.\\n'
        : 'btfhub runs on Linux only, and this is ' + process.platform + '.\\n',
    );
    process.exit(2);
  }
}
const __url = import.meta.url;
const require = createRequire(__url);`;

// The toolkit's identity tokens bring an HTTP client of their own, 800 kB of it; nobody here asks
// for them, and the package does not say that it may be left out.
const withoutIdentityTokens = {
  name: 'without-identity-tokens',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\/oidc-utils\.js$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path),
      sideEffects: false,
    })),
};

const result = await build({
  absWorkingDir: root,
  entryPoints: ['src/cli.ts'],
  outfile: target,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node12.22',
  // It has fields, whatever esbuild says (and no private methods): in WeakMaps they would be slow.
  supported: { 'class-field': true, 'class-private-field': true, 'class-static-field': true },
  charset: 'ascii',
  legalComments: 'none',
  define: { __VERSION__: JSON.stringify(version), 'import.meta.url': '__url' },
  banner: { js: banner },
  plugins: [withoutIdentityTokens],
  write: false,
  logLevel: 'warning',
});
// What is not ASCII now stands in comments. V8 keeps a source with one character beyond Latin-1 in
// twice the memory.
const bundle = Buffer.from(result.outputFiles[0].text.replace(/[^\0-\x7f]/gu, '?'));

if (process.argv.includes('--check')) {
  const committed = readFileSync(target);
  if (!committed.equals(bundle)) {
    process.stderr.write(
      "dist/btfhub.mjs is not what src/ gives: run 'npm run build' and commit it.\n",
    );
    process.exit(1);
  }
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bundle);
  chmodSync(target, 0o755);
  process.stdout.write(`dist/btfhub.mjs: ${bundle.length} bytes\n`);
}
