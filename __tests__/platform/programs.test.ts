import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { systemPrograms } from '../../src/platform/programs.ts';

const programs = systemPrograms(process.env);
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

test("programs answer in English, whatever the user's language, for what they say is read", async () => {
  const user = { ...process.env, LANGUAGE: 'de:fr', LANG: 'de_DE.UTF-8', LC_MESSAGES: 'fr_FR' };
  const { stdout } = await systemPrograms(user).run({ program: 'env', args: [] });
  const set = new Map(
    stdout
      .toString('utf8')
      .split('\n')
      .map((line) => [line.split('=')[0], line.split('=')[1]]),
  );
  expect([set.get('LC_ALL'), set.get('LANGUAGE')]).toEqual(['C.UTF-8', '']);
});

test('standard output is kept as bytes, also those that are no text', async () => {
  const { stdout } = await programs.run({ program: 'cat', args: [], input: EVERY_BYTE });
  expect(stdout.equals(EVERY_BYTE)).toBe(true);
});

test('the signal that ended a program is reported', async () => {
  const ending = await programs.run({ program: 'sh', args: ['-c', 'kill -9 $$'] });
  expect([ending.status, ending.signal]).toEqual([null, 'SIGKILL']);
});

test('a program that closes its input early is judged by its status', async () => {
  const input = Buffer.alloc(1024 * 1024);
  const { status } = await programs.run({ program: 'true', args: [], input });
  expect(status).toBe(0);
});

test('a program is looked up on the PATH that is handed in, and named when it is missing', async () => {
  const nowhere = systemPrograms({ PATH: '/nowhere' });
  await expect(nowhere.run({ program: 'git', args: [] })).rejects.toMatchObject({
    reason: 'missing-program',
    message: "The program 'git' is not installed.",
  });
});

test('an abort ends a group with all that it started', async () => {
  const abort = new AbortController();
  const args = ['-c', 'sleep 3600 & echo $!; wait'];
  const running = await programs.start({ program: 'sh', args, group: true, signal: abort.signal });
  const [line] = await once(running.stdout, 'data');
  abort.abort();
  // Without the group, `sleep` would keep standard output open, and this would not end.
  expect((await running.ended).signal).toBe('SIGKILL');
  expect(isRunning(Number(`${line}`))).toBe(false);
});

/** A process that has ended may wait for its parent as a zombie (`proc_pid_stat(5)`). */
function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
