import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { COMMANDS } from '../src/commands/all.ts';
import { serveFolder } from '../src/download/static-server.ts';
import { REASONS } from '../src/failure.ts';
import { parseSource } from '../src/sources/source.ts';

const root = join(import.meta.dirname, '..');
const pages = ['README.md', 'README.zh-CN.md'];
const read = (name: string) => readFileSync(join(root, name), 'utf8');
/** What a `sh` block tells a person to run. */
const commandsIn = (page: string) =>
  [...read(page).matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    (block ?? '').trim().split('\n'),
  );
const words = (line: string) =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? '');

const folder = mkdtempSync(join(tmpdir(), 'btfhub-readme-'));
const server = await serveFolder(join(root, 'demo', 'repository'));
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The environment stands in for what a test has not: openEuler's site, and whole kernels. */
const env = {
  ...process.env,
  BTFHUB_MIRROR: server.url,
  BTFHUB_MINIMUM_TYPES: '100',
  BTFHUB_PAHOLE: 'system',
  BTFHUB_XZ: 'system',
  BTFHUB_CACHE: 'none',
  BTFHUB_SIGNATURE: 'off',
};

async function runs(line: string) {
  const [program = '', ...args] = words(line.replace('dist/', `${root}/dist/`));
  return promisify(execFile)(program, args, { cwd: folder, env });
}

test.each(pages)('%s names the two commands, and CI runs the second', (page) => {
  expect(commandsIn(page)).toContain('node dist/btfhub.mjs demo');
  expect(commandsIn(page)).toContain('npm cit');
  expect(read('.ci/run')).toMatch(/npm cit$/m);
});

test.each([...new Set(pages.flatMap(commandsIn))].filter((line) => line !== 'npm cit'))(
  'as the README says: %s',
  async (line) => {
    const { stdout } = await runs(line);
    expect(stdout).toContain('5.10.0-136.12.0.86.oe2203sp1.x86_64');
  },
);

test('each README is a front page of less than 200 lines', () => {
  for (const page of pages) expect(read(page).split('\n').length).toBeLessThan(200);
});

test('the Chinese README has the commands, the workflow step and the tables of the English one', () => {
  const [english = '', chinese = ''] = pages.map(read);
  const shape = (text: string) => text.match(/^(#+ |\||```(?:sh|yaml))/gm);
  expect(shape(chinese)).toEqual(shape(english));
  const blocks = (text: string) => text.match(/```(?:sh|yaml)\n[\s\S]*?```/g);
  expect(blocks(chinese)).toEqual(blocks(english));
});

const inDocs = (name: string) => [`docs/${name}.md`, `docs/${name}.zh-CN.md`];
const firstCells = (page: string) =>
  [...read(page).matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell]) => cell ?? '');
const namesIn = (cell: string) => [...cell.matchAll(/`(\w[\w-]*)`/g)].map((m) => m[1] ?? '');

test.each(inDocs('records'))('a record has the fields of the table in %s', (page) => {
  const records = join(folder, 'btf', 'records');
  const record = JSON.parse(readFileSync(join(records, readdirSync(records)[0] ?? ''), 'utf8'));
  expect(firstCells(page).flatMap(namesIn).sort()).toEqual(Object.keys(record).sort());
});

test.each(inDocs('troubleshooting'))('%s says of each reason what it means', (page) => {
  expect(firstCells(page).flatMap(namesIn).sort()).toEqual([...REASONS].sort());
});

test.each(inDocs('distributions'))('the source file in %s is valid', (page) => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(read(page)) ?? [];
  expect(parseSource(parse(yaml), page).id).toBe('ol');
});

test.each(inDocs('reference'))('%s has a section with the options of every command', (page) => {
  for (const { name } of COMMANDS) expect(read(page)).toContain(`<!-- options: ${name} -->`);
});

test.each(pages)('the files that %s links to are there', (page) => {
  const targets = [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target);
  const missing = targets.filter((target) => !existsSync(join(root, target ?? '')));
  expect(missing).toEqual([]);
});

test('the source files that CONTRIBUTING.md names are there', () => {
  const all = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const named = [...read('CONTRIBUTING.md').matchAll(/`(?:src\/)?([\w/-]+\.ts)`/g)];
  const paths = named.map(([, path]) => path ?? '').filter((path) => !path.startsWith('__tests__'));
  expect(paths.length).toBeGreaterThan(20);
  const missing = paths.filter(
    (path) => !all.some((one) => one === path || one.endsWith(`/${path}`)),
  );
  expect(missing).toEqual([]);
});
