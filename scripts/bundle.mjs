#!/usr/bin/env node
// Makes dist/: the launcher btfhub.mjs, btfhub-main.mjs, which is src/cli.ts with all that it imports, a file for each
// thing that it imports later, when it is needed, and site/, which is src/pages/ for browsers; and THIRD_PARTY_LICENSES,
// the licences of the packages in them. With --check nothing is written: it fails when the committed files are not what
// the sources give, byte for byte.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build } from 'esbuild';
import { gzipSync } from 'fflate';
import { root } from './import-sources.mjs';
import { licencesOf } from './licences.mjs';
import { program, version } from './program.mjs';

// Some packages are CommonJS, and ask for Node's own modules by `require`.
const banner = `// btfhub ${version}, Apache-2.0. Made by 'npm run build' out of src/; do not edit.
import { createRequire as createRequireOf } from 'node:module';
const require = createRequireOf(import.meta.url);`;

// Node keeps the text of a program in memory: comments, spaces and what few commands need would be in it for all.
const result = await build({
  ...program,
  chunkNames: 'part-[hash]',
  splitting: true,
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 500,
  format: 'esm',
  banner: { js: banner },
});

// Names that stay the same when a part changes.
const isPart = (name) => name.startsWith('part-');
const parts = result.outputFiles.map(({ path }) => basename(path)).filter(isPart);
const numbered = (text) =>
  parts.reduce((done, part, index) => done.replaceAll(part, `part-${index + 1}.mjs`), text);

const pages = await build({
  absWorkingDir: root,
  entryPoints: { site: 'src/pages/main.tsx', worker: 'src/pages/worker.ts' },
  outdir: 'site',
  bundle: true,
  platform: 'browser',
  format: 'esm',
  // The first that have light-dark(), by which the pages are light and dark.
  target: ['chrome123', 'firefox120', 'safari17.5'],
  minify: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  // The licence of SQLite's JavaScript asks to stay with it.
  legalComments: 'inline',
  tsconfigRaw: {},
  metafile: true,
  write: false,
  logLevel: 'warning',
});
const ofPages = (name) => readFileSync(join(root, 'src', 'pages', name));
const wasm = readFileSync(
  join(root, 'node_modules', '@sqlite.org', 'sqlite-wasm', 'dist', 'sqlite3.wasm'),
);

const files = {
  'btfhub.mjs': readFileSync(join(root, 'scripts', 'launcher.mjs')),
  ...Object.fromEntries(
    result.outputFiles.map(({ path, text }) => [
      numbered(basename(path)),
      Buffer.from(numbered(text)),
    ]),
  ),
  'site/index.html': ofPages('index.html'),
  'site/site.css': ofPages('site.css'),
  'site/icon.svg': ofPages('icon.svg'),
  ...Object.fromEntries(
    pages.outputFiles.map(({ path, contents }) => [
      `site/${basename(path)}`,
      Buffer.from(contents),
    ]),
  ),
  // Many hosts do not compress it. Packed in JavaScript: zlib's bytes depend on the version of Node.
  'site/sqlite3.wasm.gz': Buffer.from(gzipSync(wasm, { level: 9, mtime: 0 })),
  '../THIRD_PARTY_LICENSES': Buffer.from(
    licencesOf(
      root,
      [result, pages].flatMap(({ metafile }) => Object.keys(metafile.inputs)),
    ),
  ),
};

for (const [name, content] of Object.entries(files)) {
  const target = join(root, 'dist', name);
  if (!process.argv.includes('--check')) {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
    process.stdout.write(`dist/${name}: ${content.length} bytes\n`);
  } else if (!readFileSync(target).equals(content)) {
    process.stderr.write(`dist/${name} is not what src/ gives: run 'npm run build'.\n`);
    process.exitCode = 1;
  }
}
if (!process.argv.includes('--check')) chmodSync(join(root, 'dist', 'btfhub.mjs'), 0o755);

for (const name of readdirSync(join(root, 'dist')).filter((one) => isPart(one) && !files[one])) {
  if (process.argv.includes('--check')) {
    process.stderr.write(`dist/${name} is left over: run 'npm run build'.\n`);
    process.exitCode = 1;
  } else rmSync(join(root, 'dist', name));
}
