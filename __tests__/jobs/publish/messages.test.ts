import { builtEntry, type Catalog, mergeCatalog } from '../../../src/archive/catalog.ts';
import { findPending, pullRequestText } from '../../../src/jobs/publish/messages.ts';
import { kernelRecord } from '../../archive/records.ts';

const oid = (digit: number) => `${digit % 10}`.repeat(40);
const entry = (digit: number) => ({ mode: '100644', oid: oid(digit) });

/** So many kernels of one release that wait, some of them of Arm. */
function waitingKernels(count: number) {
  const records = Array.from({ length: count }, (_, at) =>
    kernelRecord(`5.10.0-${at}.oe2203.${at % 3 === 0 ? 'aarch64' : 'x86_64'}`),
  );
  const catalog: Catalog = mergeCatalog(
    new Map(),
    records.map((record, at) => builtEntry(record, oid(at), 'https://ci.example.org/7')),
  );
  const next = new Map(records.map((record, at) => [record.tarball.path, entry(at)]));
  return { catalog, next };
}

test('what waits is told by release and architecture, with sizes, pahole and verification', () => {
  const { catalog, next } = waitingKernels(6);
  const { title, body } = pullRequestText(findPending(new Map(), next, catalog), 60_000);
  expect(title).toBe('Add BTF of 6 kernels (openEuler 22.03)');
  expect(body).toContain(
    '| 22.03-LTS-SP1 | x86\\_64 | 4 | 14.8 MB | 3.52 MB | pahole 1.31 |'.replace('\\_', '_'),
  );
  expect(body).toContain('| 22.03-LTS-SP1 | aarch64 | 2 |');
  expect(body).toMatch(/sums of repodata, header, vmlinux; signed by 007C6A3CD50A0F9C/);
  expect(body).toContain('https://ci.example.org/7');
  expect(body).toContain('5.10.0-5.oe2203.x86_64');
});

test.each([60_000, 5000, 1500])(
  'the body of 700 kernels keeps to %d characters, and says what it leaves out',
  (longest) => {
    const { catalog, next } = waitingKernels(700);
    const { body } = pullRequestText(findPending(new Map(), next, catalog), longest);
    expect(body.length).toBeLessThanOrEqual(longest);
    expect(body).toContain('| 22.03-LTS-SP1 | x86_64 | 466 |');
    expect(body).toMatch(/do not fit here/);
  },
);

test("a person's files are named and made harmless; what goes and second names are told", () => {
  const { catalog, next } = waitingKernels(1);
  const [path] = [...next.keys()] as [string];
  next.set(path.replace('arm64', 'aarch64'), entry(0));
  next.set('README.md`<script>\n# x', entry(7));
  const base = new Map([['old.txt', entry(9)]]);
  const waiting = findPending(base, next, catalog);
  expect(waiting).toMatchObject({
    aliases: 1,
    removed: ['old.txt'],
    others: ['README.md`<script>\n# x'],
  });
  const { body } = pullRequestText(waiting, 60_000);
  expect(body).toContain('- README.md\\`&lt;script>?# x');
  expect(body).toMatch(/Files that go:\n\n- old\.txt/);
  expect(body).toContain('1 tarball of arm64 stands in aarch64 too');
});

test('the same waiting kernels give the same text, so that nothing is changed without need', () => {
  const { catalog, next } = waitingKernels(40);
  const shuffled = new Map([...next].reverse());
  const words = (listing: typeof next) =>
    pullRequestText(findPending(new Map(), listing, catalog), 60_000);
  expect(words(shuffled)).toEqual(words(next));
});
