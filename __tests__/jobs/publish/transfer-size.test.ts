import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, createRepository, tree } from '../../git/repositories.ts';
import { shared } from '../../shared.ts';
import { openFixture } from './fixture.ts';

const fixture = openFixture();
const SIZE = 40_000;
const FILES = 700;

/** 700 names as the archive has them: its own listing where that is there, and made ones. */
function names(): string[] {
  const listing = join(shared, 'archive-listing.txt');
  const real = existsSync(listing)
    ? readFileSync(listing, 'utf8')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line.endsWith('.btf.tar.xz'))
    : [];
  const made = Array.from(
    { length: FILES },
    (_, at) => `openEuler/22.03/x86_64/5.10.0-${at}.0.0.oe2203.x86_64.btf.tar.xz`,
  );
  const rooted = real.map((line) => (line.startsWith('openEuler/') ? line : `openEuler/${line}`));
  return [...new Set([...rooted, ...made])].slice(0, FILES);
}

test('20 kernels for an archive of 700 transfer those 20 and the names of the others: first, waiting, and rebased', async () => {
  const folder = createRepository(fixture.root, 'archive.git');
  const bytes = (name: string) =>
    createHash('shake256', { outputLength: SIZE }).update(name).digest();
  commit(folder, 'master', Object.fromEntries(names().map((name) => [name, bytes(name)])));
  for (let at = 0; at < 30; at += 1) commit(folder, 'master', { 'README.md': `Version ${at}` });
  expect(Object.keys(tree(folder, 'master')).length).toBe(FILES + 1);
  const server = await fixture.serve();
  const archive = server.url('archive.git');

  const moved = async (from: number) => {
    server.reset();
    const built = Array.from({ length: 20 }, (_, at) => `6.6.0-${from + at}.oe2403.x86_64`);
    const run = await fixture.run({
      input: await fixture.output(built),
      archive,
      noPullRequest: true,
    });
    expect(run).toMatchObject({ status: 0, document: { operation: 'pushed' } });
    const size = run.document.added.reduce(
      (total: number, one: { size: number }) => total + one.size,
      0,
    );
    expect(run.document.added.length).toBe(20);
    const { received, sent } = server.wire;
    process.stderr.write(
      `20 tarballs of ${size} bytes in an archive of ${FILES * SIZE}: ${received} up, ${sent} down\n`,
    );
    return { up: received - size, down: sent };
  };

  for (const step of ['first', 'waiting', 'rebased']) {
    if (step === 'rebased') commit(folder, 'master', { LICENSE: 'Apache-2.0' });
    const { up, down } = await moved(['first', 'waiting', 'rebased'].indexOf(step) * 20 + 100);
    // Trees, commits and the catalog; one old tarball more would show.
    expect(up).toBeLessThan(SIZE * 2);
    expect(down).toBeLessThan(SIZE * 2);
  }
});
