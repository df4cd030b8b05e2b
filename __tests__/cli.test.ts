import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from '../src/commands/all.ts';
import { serveFolder } from '../src/download/static-server.ts';

/** The bundle that users run, as its own process. */
const root = join(import.meta.dirname, '..');
const bundle = join(root, 'dist', 'btfhub.mjs');
const folder = mkdtempSync(join(tmpdir(), 'btfhub-cli-'));
const server = await serveFolder(join(root, 'demo', 'repository'));
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function btfhub(args: string[], node: string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, bundle, ...args], {
    ...{ cwd: folder, encoding: 'utf8', env: { ...process.env, GITHUB_ACTIONS: undefined } },
  });
  return { status, stdout, stderr };
}

test('the version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  expect(btfhub(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test('the help names every command, and each command has help with its options and examples', () => {
  const { status, stdout } = btfhub(['--help']);
  expect(status).toBe(0);
  for (const { name } of COMMANDS) expect(stdout).toContain(`  ${name} `);
  const { stdout: build } = btfhub(['build', '--help']);
  expect(build).toContain('--minimum-types <number>');
  expect(build).toContain('Examples:');
});

test.each([
  ['an unknown command', ['bulid'], 'bulid'],
  ['an unknown option', ['build', '--relaese', 'x'], '--relaese'],
  [
    'a value that is none of the choices',
    ['build', '--signature', 'maybe'],
    'require, prefer, off',
  ],
  ['a number that is none', ['build', '--jobs', 'many'], '--jobs'],
  ['a missing operand', ['verify'], 'path'],
])('%s is usage: status 2, and one line that says which', (_, args, words) => {
  const { status, stdout, stderr } = btfhub(args);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(words);
  const json = btfhub([...args, '--json']);
  expect(json.status).toBe(2);
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { reason: 'usage' } });
});

test('what does not exist is status 2, with what to do, and in JSON one document', () => {
  const { status, stdout, stderr } = btfhub(['verify', 'nothing', '--json']);
  expect(status).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { reason: 'not-found' } });
  expect(stderr).toContain('There is no nothing.');
});

const making = ['--pahole', 'system', '--xz', 'system', '--cache', 'none', '--temp', folder];
const build = ['build', '--mirror', server.url, '--minimum-types', '100', ...making];

test('with --json there is one document on standard output and the rest on standard error', async () => {
  const child = spawn(process.execPath, [
    ...[bundle, ...build, '--kernel', '5.10.0-136.12.*', '--output', join(folder, 'one'), '--json'],
  ]);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.toArray());
  const [status] = await once(child, 'close');
  const document = JSON.parse(Buffer.concat((await stdout) ?? []).toString());
  expect(status).toBe(0);
  expect(document).toMatchObject({ built: 2, failed: 0, skipped: 0, troubles: [] });
  expect(Buffer.concat((await stderr) ?? []).toString()).toContain('built');
});

test('when some kernels fail the status is 1', async () => {
  const args = [...build, '--minimum-types', '387', '--output', join(folder, 'some')];
  const child = spawn(process.execPath, [bundle, ...args], { stdio: 'ignore' });
  expect(await once(child, 'close')).toEqual([1, null]);
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)(
  '%s in the middle of a build ends it with status %d and leaves nothing',
  async (signal, status) => {
    const temp = mkdtempSync(join(folder, 'temp-'));
    const output = mkdtempSync(join(folder, 'output-'));
    const pahole = join(temp, 'pahole');
    // It tells that it is at work, and would be for ever. A file that is written by `>` is there, and empty, before its text is.
    const script = `#!/bin/sh
case "$*" in *--btf_encode_detached*) echo $$ > "$0.new"; mv "$0.new" "$0.pid"; exec sleep 1000;; esac
exec pahole "$@"
`;
    writeFileSync(pahole, script, { mode: 0o755 });
    const work = mkdtempSync(join(folder, 'work-'));
    const args = [...build, '--pahole', pahole, '--temp', work, '--output', output, '--jobs', '1'];
    const child = spawn(process.execPath, [bundle, ...args], { stdio: 'ignore' });
    while (!readdirSync(temp).includes('pahole.pid'))
      await new Promise((next) => setImmediate(next));
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([status, null]);
    expect(readdirSync(work)).toEqual([]);
    expect(readdirSync(output)).toEqual([]);
    const pid = Number(readFileSync(`${pahole}.pid`, 'utf8'));
    expect(pid).toBeGreaterThan(1);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  },
);

test.each([
  [
    'an old Node',
    "Object.defineProperty(process.versions, 'node', { value: '18.20.8' })",
    'needs Node.js 20.18.1',
  ],
  [
    'a Node that is a little too old',
    "Object.defineProperty(process.versions, 'node', { value: '20.18.0' })",
    'needs Node.js 20.18.1',
  ],
  [
    'another system',
    "Object.defineProperty(process, 'platform', { value: 'darwin' })",
    'runs on Linux only',
  ],
])('on %s it says so in one line', (_, change, words) => {
  const preload = join(folder, 'preload.cjs');
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions } });\n${change};\n`,
  );
  const { status, stdout, stderr } = btfhub(['demo'], ['--require', preload]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(words);
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
});
