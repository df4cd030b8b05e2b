import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../btf/made.ts';
import { SCHEMA_NAMES } from '../schemas.ts';

/** What a release offers, made by its script and used as a person uses it, on a machine without this repository. */
const root = join(import.meta.dirname, '..', '..');
const folder = temporaryFolder();
const release = join(folder, 'release');
const home = join(folder, 'home');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const tarball = `openeuler-btfhub-${version}.tgz`;
const env = {
  PATH: process.env.PATH,
  HOME: home,
  BTFHUB_PAHOLE: 'system',
  BTFHUB_XZ: 'system',
};
const out = (program: string, args: readonly string[], cwd = home) =>
  execFileSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(() => {
  mkdirSync(home);
  out(process.execPath, [join(root, 'scripts', 'release-files.mjs'), release], root);
});

test('there are the files that the release workflow offers, and their sums are right', () => {
  expect(readdirSync(release).sort()).toEqual([
    'SHA256SUMS',
    'THIRD_PARTY_LICENSES',
    'btfhub.mjs',
    'btfhub.spec',
    tarball,
    'schemas-v1.tar.gz',
  ]);
  expect(out('sha256sum', ['--check', 'SHA256SUMS'], release).match(/: OK$/gm)).toHaveLength(5);
});

test('a folder that is not empty is not written to', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'release-files.mjs'), release],
    { encoding: 'utf8' },
  );
  expect({ status, said: stderr.includes('is not empty') }).toEqual({ status: 1, said: true });
});

describe('btfhub.mjs, the program in one file', () => {
  const place = join(folder, 'one');
  const file = join(place, 'btfhub.mjs');

  beforeAll(() => {
    mkdirSync(place);
    cpSync(join(release, 'btfhub.mjs'), file);
  });

  test('runs with nothing beside it, and checks BTF', () => {
    expect(out(process.execPath, [file, '--version'], place)).toBe(`${version}\n`);
    const made = join(folder, 'made');
    const demo = [join(root, 'dist', 'btfhub.mjs'), 'demo', '--output', made];
    out(process.execPath, demo);
    const verify = [file, 'verify', made, '--minimum-types', '100', '--json'];
    const { sound, unsound } = JSON.parse(out(process.execPath, verify, place));
    expect({ sound, unsound }).toEqual({ sound: 8, unsound: 0 });
    expect(readdirSync(place)).toEqual(['btfhub.mjs']);
  });

  test('can be started by its name', () => {
    expect(out(file, ['--version'], place)).toBe(`${version}\n`);
  });

  test('is the program of dist/: the same help and the same manual of options', () => {
    const dist = join(root, 'dist', 'btfhub.mjs');
    for (const args of [['--help'], ['build', '--help'], ['completion', 'bash']]) {
      expect(out(process.execPath, [file, ...args])).toBe(out(process.execPath, [dist, ...args]));
    }
  });

  test('says on an old Node which one it needs', () => {
    const preload = join(folder, 'old.cjs');
    writeFileSync(
      preload,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });\n`,
    );
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--require', preload, file, '--version'],
      { encoding: 'utf8' },
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^btfhub needs Node\.js 20\.18\.1 or newer.*\n$/);
  });
});

describe('the npm package', () => {
  const prefix = join(folder, 'prefix');
  const inside = join(prefix, 'lib', 'node_modules', 'openeuler-btfhub');
  let said: string;

  beforeAll(() => {
    const args = ['install', '--global', '--offline', '--foreground-scripts', '--no-fund'];
    said = out('npm', [...args, '--prefix', prefix, join(release, tarball)]);
  });

  test('holds the bundle, the demo, the manual page, the schemas, the licences and the README', () => {
    expect(readdirSync(inside).sort()).toEqual([
      'LICENSE',
      'README.md',
      'README.zh-CN.md',
      'THIRD_PARTY_LICENSES',
      'demo',
      'dist',
      'man',
      'package.json',
      'schemas',
    ]);
    expect(readdirSync(join(inside, 'dist')).sort()).toEqual(
      readdirSync(join(root, 'dist')).sort(),
    );
    expect(readdirSync(join(inside, 'dist', 'site')).sort()).toEqual(
      readdirSync(join(root, 'dist', 'site')).sort(),
    );
    expect(readdirSync(join(inside, 'schemas', 'v1'))).toHaveLength(SCHEMA_NAMES.length);
  });

  test('installs itself and nothing else, and runs no script', () => {
    expect(readdirSync(join(prefix, 'lib', 'node_modules'))).toEqual(['openeuler-btfhub']);
    expect(existsSync(join(inside, 'node_modules'))).toBe(false);
    expect(said).toContain('added 1 package');
    expect(said).not.toMatch(/^> /m);
    const { dependencies, scripts } = JSON.parse(
      readFileSync(join(inside, 'package.json'), 'utf8'),
    );
    expect(dependencies).toBeUndefined();
    expect(Object.keys(scripts)).not.toEqual(expect.arrayContaining(['install']));
    expect(Object.keys(scripts)).not.toEqual(expect.arrayContaining(['postinstall']));
    expect(Object.keys(scripts)).not.toEqual(expect.arrayContaining(['preinstall']));
  });

  test('puts btfhub on the path with its manual page, and its demo runs', () => {
    const program = join(prefix, 'bin', 'btfhub');
    expect(out(program, ['--version'])).toBe(`${version}\n`);
    expect(existsSync(join(prefix, 'share', 'man', 'man1', 'btfhub.1'))).toBe(true);
    expect(out(program, ['demo', '--output', join(folder, 'demo')])).toContain('8 built');
  });

  test('runs by npx without being installed', () => {
    const args = ['--offline', '--yes', `file:${join(release, tarball)}`, '--version'];
    expect(out('npx', args)).toContain(version);
  });
});

test('the licences name each package whose code is in the bundle, with its text', () => {
  const text = readFileSync(join(release, 'THIRD_PARTY_LICENSES'), 'utf8');
  const bundle = readFileSync(join(release, 'btfhub.mjs'), 'utf8');
  const names = [...bundle.matchAll(/^\/\/ node_modules\/((?:@[^/]+\/)?[^/\n]+)\//gm)].map(
    ([, name]) => name ?? '',
  );
  expect(new Set(names).size).toBeGreaterThan(20);
  for (const name of new Set(names)) expect(text).toMatch(new RegExp(`^${name} \\d`, 'm'));
  expect(text).toContain('GNU LESSER GENERAL PUBLIC LICENSE');
  expect(text).toContain('Permission is hereby granted, free of charge');
});

test('the schemas of the archive are those of the repository', () => {
  const names = out('tar', ['-tzf', 'schemas-v1.tar.gz'], release).trim().split('\n');
  const files = names.filter((name) => name.endsWith('.json'));
  expect(files.sort()).toEqual(SCHEMA_NAMES.map((name) => `schemas/v1/${name}.json`).sort());
});
