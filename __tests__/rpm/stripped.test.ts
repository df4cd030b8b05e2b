/** A package with a file beyond 4 GiB, made by the real rpmbuild: see data/big.spec. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beginningOf, CpioParser } from '../../src/rpm/cpio.ts';
import { readPackageHead } from '../../src/rpm/package.ts';
import { collect, stream, unpack } from './read.ts';

test('a file beyond 4 GiB comes in stripped members, each of the size that only the header has', async () => {
  const data = readFileSync(join(import.meta.dirname, 'data/big-1-1.x86_64.rpm.xz'));
  const head = await readPackageHead(stream(unpack('xz', data)));
  const linked = head.files.findIndex(({ links }) => links.length > 1);
  expect(linked).toBeGreaterThan(1);
  const seen = new Map<string, string>();
  const parser = new CpioParser(head.files, (member) => {
    // From the first hard link on the header tells no more.
    const begins = beginningOf(head.files, member.file.index, true);
    expect(begins).toBe(member.file.index < linked ? parser.offset : undefined);
    const hash = createHash('sha256');
    return {
      data: (bytes) => hash.update(bytes),
      end: () => seen.set(member.file.path, `${member.size} ${hash.digest('hex')}`),
    };
  });
  await decodeInto(parser, await collect(head.body()));
  expect(parser.offset).toBe(head.payload.unpackedSize);
  const file = (path: string) => head.files.find((each) => each.path === path);
  expect(seen.get('/big/sparse')).toBe(`4294967297 ${file('/big/sparse')?.digest?.hex}`);
  expect(seen.get('/big/a')).toBe(`7 ${file('/big/a')?.digest?.hex}`);
  expect(seen.get('/big/zz')).toBe(`6 ${file('/big/zz')?.digest?.hex}`);
  expect([...seen.keys()].sort()).toEqual(head.files.map((each) => each.path).sort());
});

async function decodeInto(parser: CpioParser, payload: Buffer): Promise<void> {
  const child = spawn('zstd', ['-dcq'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(payload);
  for await (const chunk of child.stdout) parser.push(chunk);
  parser.finish();
}
