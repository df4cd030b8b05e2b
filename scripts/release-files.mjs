#!/usr/bin/env node
// release-files.mjs [<folder>]
// Makes the files of a release in a folder ('release' by default): btfhub.mjs, which is the whole program in one file;
// the npm package; the JSON Schemas, the RPM spec and the licences; and SHA256SUMS of all of them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { root } from './import-sources.mjs';
import { define, program, version } from './program.mjs';

const folder = resolve(process.argv[2] ?? 'release');
mkdirSync(folder, { recursive: true });
if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty.`);

writeFileSync(join(folder, 'btfhub.mjs'), await singleFile());
chmodSync(join(folder, 'btfhub.mjs'), 0o755);
execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
  cwd: root,
});
const tar = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
execFileSync('tar', [...tar, '-czf', join(folder, 'schemas-v1.tar.gz'), 'schemas/v1'], {
  cwd: root,
});
copyFileSync(join(root, 'packaging', 'btfhub.spec'), join(folder, 'btfhub.spec'));
copyFileSync(join(root, 'THIRD_PARTY_LICENSES'), join(folder, 'THIRD_PARTY_LICENSES'));

const sums = readdirSync(folder)
  .sort()
  .map((name) => {
    const sum = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    return `${sum}  ${name}\n`;
  });
writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
process.stdout.write(sums.join(''));

/**
 * The launcher and the program in one ES module. The program is in a function, and asks for Node's modules by
 * `require`: so the launcher runs first, and tells an old Node what is missing; an `import` of something that an old
 * Node does not have would fail before.
 */
async function singleFile() {
  const { outputFiles } = await build({
    ...program,
    format: 'cjs',
    define: { ...define, 'import.meta.url': '__url' },
  });
  const [{ text }] = outputFiles;
  const launcher = readFileSync(join(root, 'scripts', 'launcher.mjs'), 'utf8');
  const start = "import('./btfhub-main.mjs');";
  if (!launcher.includes(start)) throw new Error('The launcher does not start btfhub-main.mjs.');
  const [shebang, ...rest] = launcher.replace(start, 'main();').split('\n');
  return [
    shebang,
    `// btfhub ${version}, Apache-2.0, in one file: https://github.com/openeuler/btfhub-action`,
    "import { createRequire } from 'node:module';",
    ...rest.filter((line) => !line.startsWith('// dist/btfhub.mjs')),
    'function main() {',
    'const require = createRequire(import.meta.url);',
    'const __url = import.meta.url;',
    'const module = { exports: {} };',
    text,
    '}',
    '',
  ].join('\n');
}
