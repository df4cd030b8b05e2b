import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asFailure } from '../src/failure.ts';

const root = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
afterAll(() => rmSync(root, { recursive: true }));
const file = join(root, 'file');
writeFileSync(file, '');

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['a file where a folder should be', () => mkdir(join(file, 'x')), /is a file, not a folder/],
  ['a folder where a file should be', () => writeFile(root, ''), /it is a folder/],
  ['a name that is taken', () => mkdir(file), /is there already/],
  ['a name that is too long', () => writeFile(join(root, 'x'.repeat(300)), ''), /is too long/],
  [
    'links in a circle',
    async () => {
      symlinkSync('circle', join(root, 'circle'));
      return readFile(join(root, 'circle'));
    },
    /lead in a circle/,
  ],
])('%s is a mistake that names the path, not a bug', async (_what, attempt, why) => {
  const failure = asFailure(await attempt().catch((error: unknown) => error));
  expect(failure).toMatchObject({ reason: 'usage', message: expect.stringMatching(why) });
  expect(failure.message).toContain(root);
});

test('other errors are bugs, with their stack as the cause', () => {
  const error = new TypeError('x is not a function');
  expect(asFailure(error)).toMatchObject({ reason: 'internal', cause: error });
  const missing = () => readFileSync(join(root, 'missing'));
  expect(missing).toThrow('ENOENT');
});
