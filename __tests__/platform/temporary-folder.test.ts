import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTemporaryFolder } from '../../src/platform/temporary-folder.ts';

const parent = mkdtempSync(join(tmpdir(), 'abandoned-'));
afterAll(() => rmSync(parent, { recursive: true }));

test('folders whose process has ended are removed, all others stay', async () => {
  const own = await makeTemporaryFolder(parent, 'git');
  const [, owner = ''] = /^.*btfhub-git-(.*)-\w{6}$/.exec(own) ?? [];
  const [pid, start, space] = owner.split('.');
  expect(Number(pid)).toBe(process.pid);
  const others = {
    ended: `btfhub-vmlinux-4194304.${start}.${space}-abcdef`,
    reused: `btfhub-git-${pid}.${Number(start) + 1}.${space}-abcdef`,
    elsewhere: `btfhub-git-4194304.${start}.1-abcdef`,
    unowned: 'btfhub-git-abcdef',
    foreign: 'something-else',
  };
  for (const name of Object.values(others))
    mkdirSync(join(parent, name, 'deep'), { recursive: true });
  const next = await makeTemporaryFolder(parent, 'metadata');
  const left = [own, next].map((path) => path.slice(parent.length + 1));
  const kept = [others.elsewhere, others.unowned, others.foreign];
  expect(readdirSync(parent).sort()).toEqual([...left, ...kept].sort());
});
