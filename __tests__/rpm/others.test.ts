/** Packages that other programs made, against what rpm and cpio say about them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nvraText } from '../../src/rpm/package.ts';
import { shared, sharedFiles, testWithShared } from '../shared.ts';
import { lines, rpm2cpio, run } from './programs.ts';
import { readPackage } from './read.ts';

const query = (path: string, format: string) =>
  lines(run('rpm', ['-qp', '--nosignature', '--qf', format, path]));

const FILE_FORMAT =
  '[%{FILENAMES}|%{FILESIZES}|%{FILEMODES}|%{FILEDIGESTS}|%{FILELINKTOS}|%{FILEFLAGS}\n]';

const each = testWithShared('rpms').each(sharedFiles('rpms', '.rpm'));

each('%s has the name, the files and the payload that rpm says', async (name) => {
  const path = join(shared, 'rpms', name);
  const { head } = await readPackage(readFileSync(path));
  expect([
    nvraText(head.nvra),
    head.payload.flags ?? '(none)',
    head.payload.digest?.hex ?? '(none)',
  ]).toEqual(
    query(
      path,
      '%{NAME}-%{VERSION}-%{RELEASE}.%|SOURCERPM?{%{ARCH}}:{src}|\n%{PAYLOADFLAGS}\n%{PAYLOADDIGEST}\n',
    ),
  );
  expect(
    head.files.map((file) => {
      const { digest, linkTo = '' } = file;
      return `${file.path}|${file.size}|${file.mode}|${digest?.hex ?? ''}|${linkTo}|${file.ghost}`;
    }),
  ).toEqual(
    query(path, FILE_FORMAT).map((line) =>
      line.replace(/\d+$/, (flags) => `${(Number(flags) & 64) !== 0}`),
    ),
  );
});

each('%s has the members that rpm2cpio and cpio list', async (name) => {
  const path = join(shared, 'rpms', name);
  const { members, archive } = await readPackage(readFileSync(path));
  const listed = lines(run('cpio', ['-t', '--quiet'], rpm2cpio(path)));
  const plain = (each: string) => each.replace(/^\.?\//, '');
  expect(members.map((member) => plain(member.file.path))).toEqual(listed.map(plain));
  expect(archive.equals(rpm2cpio(path))).toBe(true);
});

each('%s has files with the digests that its header says', async (name) => {
  const { members } = await readPackage(readFileSync(join(shared, 'rpms', name)));
  for (const { file, size, sha256 } of members) {
    if (size > 0 && file.digest?.algorithm === 'sha256') expect(sha256).toBe(file.digest.hex);
  }
});
