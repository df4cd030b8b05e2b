import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMANDS } from '../src/commands/all.ts';
import { serveFolder } from '../src/download/static-server.ts';
import { checked, wrongIn } from './schemas.ts';

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
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, GITHUB_ACTIONS: undefined },
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

test('a source file in YAML is read', () => {
  const file = join(root, 'sources', 'openEuler.yaml');
  const { status, stdout } = btfhub(['sources', 'check', file]);
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('openEuler') });
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
  expect(wrongIn('verify', JSON.parse(json.stdout))).toEqual([]);
});

test('help has a page for each command and each topic, and names the nearest for another word', () => {
  expect(btfhub(['help', 'exit-status']).stdout).toContain('141');
  expect(btfhub(['help', 'verify']).stdout).toBe(btfhub(['verify', '--help']).stdout);
  const { status, stderr } = btfhub(['help', 'verfy']);
  expect({ status, isNear: stderr.includes('verify') }).toEqual({ status: 2, isNear: true });
});

test('a mistyped command or option is answered with the nearest one', () => {
  expect(btfhub(['bulid']).stderr).toContain('Did you mean build?');
  expect(btfhub(['build', '--relaese', 'x']).stderr).toContain('Did you mean --release?');
});

test('what does not exist is status 2, with what to do, and in JSON one document', () => {
  const { status, stdout, stderr } = btfhub(['verify', 'nothing', '--json']);
  expect(status).toBe(2);
  expect(checked('verify', JSON.parse(stdout))).toMatchObject({ error: { reason: 'not-found' } });
  expect(stderr).toContain('There is no nothing.');
});

const making = ['--pahole', 'system', '--xz', 'system', '--cache', 'none', '--temp', folder];
const build = [
  ...['build', '--mirror', server.url, '--minimum-types', '100', '--signature', 'off'],
  ...making,
];

test('with --json there is one document on standard output and the rest on standard error', async () => {
  const child = spawn(process.execPath, [
    ...[bundle, ...build, '--kernel', '5.10.0-136.12.*', '--output', join(folder, 'one'), '--json'],
  ]);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.toArray());
  const [status] = await once(child, 'close');
  const document = checked('build', JSON.parse(Buffer.concat((await stdout) ?? []).toString()));
  expect(status).toBe(0);
  expect(document).toMatchObject({ built: 2, failed: 0, skipped: 0, troubles: [] });
  expect(Buffer.concat((await stderr) ?? []).toString()).toContain('built');
});

test('a closed pipe ends the program quietly, with the status of SIGPIPE', async () => {
  for (const command of [
    '--help | head -n 1',
    'build --help | true',
    'verify nothing 2>&1 | true',
  ]) {
    const [args, reader] = command.split(' | ');
    const script = `"$@" ${args} | { ${reader} >/dev/null; exec <&-; }; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, '-', process.execPath, bundle], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    // A short output can be written completely before the reader ends.
    expect(stdout).toMatch(/^(141|0|2)\n$/);
  }
  const endless = `node -e '
    const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, process.argv.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    child.stderr.on("data", (text) => process.stderr.write(text));
    child.on("close", (status) => console.log(status));' "$@"`;
  const { stdout, stderr } = spawnSync(
    'bash',
    ['-c', endless, '-', bundle, 'verify', '--json', join(root, 'dist')],
    { encoding: 'utf8' },
  );
  expect({ stdout, stderr: stderr.includes('EPIPE') }).toEqual({ stdout: '141\n', stderr: false });
});

test('--output writes the JSON document to a file, and standard output has the text', () => {
  const file = join(folder, 'report.json');
  const found = join(folder, 'one');
  const args = ['verify', found, '--minimum-types', '100', '--output', file];
  const { status, stdout } = btfhub(args);
  expect({ status, text: stdout.includes('FILE') }).toEqual({ status: 0, text: true });
  expect(checked('verify', JSON.parse(readFileSync(file, 'utf8')))).toMatchObject({
    sound: 2,
    unsound: 0,
  });
  const failed = btfhub([...args.slice(0, -1), join(folder, 'nothing', 'report.json')]);
  expect(failed.status).toBe(2);
  expect(failed.stderr).toContain('cannot be written');
});

test('in a workflow the log is on standard output; with --json it is on standard error', () => {
  const run = (...more: string[]) =>
    spawnSync(process.execPath, [bundle, 'verify', join(folder, 'one'), ...more], {
      encoding: 'utf8',
      env: { ...process.env, GITHUB_ACTIONS: 'true', GITHUB_OUTPUT: '', GITHUB_STEP_SUMMARY: '' },
    });
  const log = run();
  expect(log.status).toBe(1);
  expect(log.stdout).toMatch(/^::group::verify: unsound/m);
  expect(log.stdout).toMatch(/^::error title=.*::/m);
  const json = run('--json');
  expect(checked('verify', JSON.parse(json.stdout))).toMatchObject({ unsound: 2 });
  expect(json.stderr).toMatch(/^::group::verify: unsound/m);
  expect(json.stderr).toMatch(/^::error title=.*::/m);
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
