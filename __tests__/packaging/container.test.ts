import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const file = join(root, 'packaging', 'Dockerfile');
const text = readFileSync(file, 'utf8');

test('the image begins with a base that is named by its digest', () => {
  const bases = [...text.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(bases).toEqual([expect.stringMatching(/^debian:13-slim@sha256:[0-9a-f]{64}$/)]);
});

test('the program runs as a user without rights, by its number', () => {
  const users = [...text.matchAll(/^USER (.+)$/gm)].map(([, user]) => user);
  expect(users).toEqual(['10001']);
  expect(text.indexOf('USER 10001')).toBeGreaterThan(text.lastIndexOf('RUN '));
});

test('what is copied is there, and is not left out of the context', () => {
  const copied = [...text.matchAll(/^COPY (.+) \S+$/gm)].flatMap(
    ([, from]) => from?.split(' ') ?? [],
  );
  const context = readFileSync(`${file}.dockerignore`, 'utf8').split('\n');
  expect(copied.length).toBeGreaterThan(3);
  for (const path of copied) {
    expect({
      path,
      exists: existsSync(join(root, path)),
      sent: context.includes(`!${path}`),
    }).toEqual({
      path,
      exists: true,
      sent: true,
    });
  }
});

const hasLinter = spawnSync('hadolint', ['--version']).status === 0;
if (!hasLinter) process.stderr.write('skipping a test: there is no hadolint\n');

(hasLinter ? test : test.skip)('hadolint finds nothing', () => {
  expect(execFileSync('hadolint', [file], { encoding: 'utf8' })).toBe('');
});
