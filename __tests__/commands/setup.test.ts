import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from '../../src/commands/setup.ts';
import { readOptions } from '../../src/commands/values.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { planCache } from '../../src/toolchain/cache-key.ts';
import { runCommand } from '../schemas.ts';

const folder = mkdtempSync(join(tmpdir(), 'btfhub-setup-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** `btfhub setup` with these options, as an Action gives them: by the environment. */
function run(env: Readonly<Record<string, string>>) {
  const platform = {
    env: { PATH: process.env.PATH, ...env },
    clock: systemClock,
    http: { request: () => Promise.reject(new Error('setup speaks no HTTP')) },
    programs: systemPrograms(process.env),
    stdout: { write: () => true },
    stderr: { write: () => true },
    interrupted: new AbortController().signal,
  };
  const options = readOptions(setup.options, {}, env) as Parameters<typeof setup.run>[1];
  return runCommand(setup, platform, options);
}

test('prints the tools of the machine, and sets their versions as outputs', async () => {
  const { status, document, text, outputs } = await run({
    BTFHUB_PAHOLE: 'system',
    BTFHUB_XZ: 'system',
  });
  expect(status).toBe(0);
  expect(document).toMatchObject({
    pahole: {
      origin: 'system',
      version: expect.stringMatching(/^1\.\d+$/),
      path: expect.any(String),
    },
    xz: { origin: 'system', version: expect.stringMatching(/^5\./) },
    cache: { folders: [] },
  });
  expect(text).toMatch(/^tool +version +origin +path\npahole +1\.\d+ +system +\/.*\nxz +5\..*\n$/);
  expect(outputs).toMatchObject({
    'pahole-version': expect.stringMatching(/^1\.\d+$/),
    'xz-version': expect.stringMatching(/^5\./),
  });
});

test('--show-cache prints what a workflow caches, and changes nothing', async () => {
  const cache = join(folder, 'cache');
  const { document, outputs } = await run({
    BTFHUB_SHOW_CACHE: 'true',
    BTFHUB_PAHOLE: '1.31',
    RUNNER_TOOL_CACHE: cache,
  });
  expect(document).toEqual({
    key: expect.stringMatching(
      new RegExp(
        `^btfhub-tools-[\\w.]+-${process.arch}-pahole-1\\.31-[0-9a-f]{12}-xz-5\\.8\\.3-[0-9a-f]{12}$`,
      ),
    ),
    folders: [join(cache, 'btfhub-pahole/1.31.0'), join(cache, 'btfhub-xz/5.8.3')],
  });
  const { key, folders } = document as { key: string; folders: string[] };
  expect(outputs).toEqual({ 'cache-key': key, 'cache-path': folders.join('\n') });
});

test('a key differs by version and by operating system', async () => {
  const release = (text: string) => {
    const path = join(folder, 'os-release');
    writeFileSync(path, text);
    return path;
  };
  const key = async (pahole: string, text: string) =>
    (await planCache('/cache', { pahole, xz: 'system' }, release(text))).key;
  const openEuler = 'NAME="openEuler"\nID="openEuler"\nVERSION_ID="24.03"\n';
  expect(await key('1.31', openEuler)).toMatch(
    /^btfhub-tools-openEuler24\.03-\w+-pahole-1\.31-\w+$/,
  );
  expect(await key('v1.31', openEuler)).toBe(await key('auto', openEuler));
  expect(await key('1.30', openEuler)).not.toBe(await key('1.31', openEuler));
  expect(await key('1.31', 'ID=debian\nVERSION_ID="13"\n')).not.toBe(await key('1.31', openEuler));
});

test('an invalid source is refused before any work', async () => {
  await expect(run({ BTFHUB_TOOL_SOURCE: 'pahole=somewhere' })).rejects.toMatchObject({
    reason: 'usage',
    message: "'pahole=somewhere' is not a source: it begins with one of dwarves=, libbpf=, xz=.",
  });
});
