import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validate } from 'dockerfile-utils';
import { parse } from 'yaml';

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

test('the release pushes the image for two architectures, and names its digest', () => {
  const workflow = parse(readFileSync(join(root, '.github/workflows/release.yml'), 'utf8'));
  const { run } = workflow.jobs.container.steps.find((step: { id?: string }) => step.id === 'push');
  const folder = mkdtempSync(join(tmpdir(), 'btfhub-image-'));
  const digest = `sha256:${'ab'.repeat(32)}`;
  // Notes its arguments and its input, and writes the file that buildx writes.
  writeFileSync(
    join(folder, 'docker'),
    `#!/bin/bash
printf '%s ' "$@" >> arguments
[ "$1" = login ] && cat > input
[ "$1" = buildx ] && echo '{"containerimage.digest":"${digest}"}' > image.json
true
`,
  );
  chmodSync(join(folder, 'docker'), 0o755);
  execFileSync('bash', ['-eo', 'pipefail', '-c', run], {
    cwd: folder,
    env: {
      PATH: `${folder}:${process.env.PATH}`,
      GITHUB_ACTOR: 'someone',
      GITHUB_OUTPUT: join(folder, 'output'),
      GITHUB_REPOSITORY: 'openEuler/btfhub-action',
      GITHUB_SERVER_URL: 'https://github.com',
      RUNNER_TEMP: folder,
      TAG: 'v1.2.3',
      TOKEN: 'the token',
    },
  });
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  expect(read('input')).toBe('the token');
  expect(read('arguments')).not.toContain('the token');
  for (const part of [
    '--platform linux/amd64,linux/arm64 ',
    '--tag ghcr.io/openeuler/btfhub-action:1.2.3 ',
    '--tag ghcr.io/openeuler/btfhub-action:latest ',
    '--sbom=true --provenance=mode=max --push ',
  ]) {
    expect(read('arguments')).toContain(part);
  }
  expect(read('output')).toBe(`image=ghcr.io/openeuler/btfhub-action\ndigest=${digest}\n`);
  rmSync(folder, { recursive: true });
});

test('the linter finds nothing in the Dockerfile, and something in a damaged one', () => {
  expect(validate(text)).toEqual([]);
  expect(validate(text.replace('USER 10001', 'USER')).map(({ message }) => message)).toEqual([
    'Instruction has no arguments',
  ]);
});
