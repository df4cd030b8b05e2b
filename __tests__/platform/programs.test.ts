import { systemPrograms } from '../../src/platform/programs.ts';

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
