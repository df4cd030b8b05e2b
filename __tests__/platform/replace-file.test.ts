import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PARTIAL_FILE, replaceFile } from '../../src/platform/replace-file.ts';

const root = mkdtempSync(join(tmpdir(), 'btfhub-test-'));
afterAll(() => rmSync(root, { recursive: true }));

test('a file and its folders are made, with the mode that is asked for whatever the umask', async () => {
  const path = join(root, 'deep/er/file');
  const umask = process.umask(0o077);
  try {
    await replaceFile(path, 'one', { mode: 0o644, sync: true });
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(path, 'utf8')).toBe('one');
  expect(statSync(path).mode & 0o777).toBe(0o644);
});

test('several writers at once leave one whole content and no partial file', async () => {
  const folder = join(root, 'race');
  const contents = Array.from({ length: 20 }, (_, at) => `${at}`.repeat(100_000));
  await Promise.all(contents.map((content) => replaceFile(join(folder, 'file'), content)));
  expect(readdirSync(folder)).toEqual(['file']);
  expect(contents).toContain(readFileSync(join(folder, 'file'), 'utf8'));
});

test('what cannot be replaced stays, and no partial file is left', async () => {
  const folder = join(root, 'taken');
  mkdirSync(join(folder, 'file/inside'), { recursive: true });
  await expect(replaceFile(join(folder, 'file'), 'new')).rejects.toMatchObject({
    syscall: 'rename',
  });
  expect(readdirSync(folder)).toEqual(['file']);
});

test('the name of a partial file is known by its shape', () => {
  expect(PARTIAL_FILE.test('5.10.0-1.x86_64.btf.tar.xz.0123456789ab.partial')).toBe(true);
  for (const name of ['a.partial', 'a.btf.tar.xz', 'a.0123456789AB.partial']) {
    expect(PARTIAL_FILE.test(name)).toBe(false);
  }
});
