import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * The folders of src, each before those that it may import: entry points first, then the way of the data, then what
 * every step uses.
 */
const ORDER = [
  'cli.ts',
  'pages',
  'commands',
  'documents',
  'jobs',
  'sources',
  'rpmmd',
  'download',
  'rpm',
  'verifier',
  'explorer',
  'boot-image',
  'btf',
  'archive',
  'attestation',
  'forge',
  'toolchain',
  'git',
  'report',
  'platform',
  'names.ts',
  'sha256.ts',
  'failure.ts',
];

const src = join(import.meta.dirname, '..', 'src');
const folderOf = (path: string) => relative(src, path).split('/')[0] as string;
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
  /\.tsx?$/.test(name),
);
const imports = files.flatMap((file) => {
  const text = readFileSync(join(src, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?'(\.[^']+)'/g)].map((match) => ({
    from: join(src, file),
    to: join(src, dirname(file), match[1] as string),
  }));
});

test('every file of src has its place in the order', () => {
  expect(
    files.map((file) => folderOf(join(src, file))).filter((name) => !ORDER.includes(name)),
  ).toEqual([]);
  expect(imports.length).toBeGreaterThan(0);
});

test('no import points upstream', () => {
  const upstream = imports
    .filter(({ from, to }) => ORDER.indexOf(folderOf(to)) < ORDER.indexOf(folderOf(from)))
    .map(({ from, to }) => `${relative(src, from)} -> ${relative(src, to)}`);
  expect(upstream).toEqual([]);
});

test('only download/ speaks HTTP, and only platform/ starts processes', () => {
  const direct = files.filter((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    const http = /from '(undici|node:https?)'/.test(text) && !file.startsWith('download/');
    const process = /from 'node:child_process'/.test(text) && !file.startsWith('platform/');
    return http || process;
  });
  expect(direct).toEqual([]);
});

test('only src/git/run.ts starts git', () => {
  const starting = files.filter((file) => {
    const text = readFileSync(join(src, file), 'utf8');
    return /program: 'git'|from 'simple-git'|import\('simple-git'\)/.test(text);
  });
  expect(starting).toEqual(['git/run.ts']);
});
