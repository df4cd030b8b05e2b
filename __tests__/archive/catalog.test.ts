import fc from 'fast-check';
import {
  builtEntry,
  type Catalog,
  type CatalogEntry,
  EMPTY_CATALOG,
  entryPath,
  failedEntry,
  mergeCatalog,
  parseCatalog,
  serialiseCatalog,
  updateStates,
} from '../../src/archive/catalog.ts';
import { datadogCatalog } from '../../src/archive/datadog.ts';
import { tarballPath } from '../../src/archive/layout.ts';
import { parseRecord } from '../../src/archive/parse-record.ts';
import { recordPath } from '../../src/archive/record.ts';
import { failureRecord, kernelRecord } from './records.ts';

const RUN = 'https://example.org/runs/1';
const blob = (digit: number) => `${digit}`.repeat(40);

describe('a record', () => {
  const record = kernelRecord('5.10.0-1.oe2203.x86_64');
  const failure = failureRecord('5.10.0-1.oe2203.x86_64');
  const file = recordPath(record.uname);

  test('is read as it was written, of a kernel that was built and of one that failed', () => {
    expect(parseRecord(JSON.stringify(record), file)).toEqual(record);
    expect(parseRecord(JSON.stringify(failure), file)).toEqual(failure);
  });

  test.each<[string, object]>([
    ['a name that climbs out', { uname: '5.10.0/../../x86_64' }],
    ['a folder that is an option', { versionId: '--help' }],
    ['another tarball', { tarball: { ...record.tarball, path: 'README.md' } }],
    ['an unknown field', { more: 1 }],
    ['a missing field', { btf: undefined }],
    ['a sum that is none', { package: { ...record.package, sha256: 'x' } }],
    ['a password in the URL', { package: { ...record.package, url: 'https://a:b@host/x.rpm' } }],
    ['a script as the URL', { package: { ...record.package, url: 'javascript:alert(1)' } }],
    ['a negative size', { vmlinux: { ...record.vmlinux, size: -1 } }],
    ['no release', { releases: [] }],
    ['Markdown in the version of pahole', { pahole: { ...record.pahole, version: '1|[x](y)' } }],
    ['another schema', { schema: 2 }],
    ['an unknown state', { state: 'built' }],
    ['a time that is none', { finishedAt: 'yesterday' }],
  ])('with %s is refused', (_, change) => {
    const text = JSON.stringify({ ...record, ...change });
    expect(() => parseRecord(text, file)).toThrow(/is not a record/);
  });

  test('under another name is refused', () => {
    const text = JSON.stringify(record);
    expect(() => parseRecord(text, 'records/5.10.0-2.oe2203.x86_64.json')).toThrow(/its name/);
  });

  test('that is cut off or mangled is refused, whatever the place', () => {
    const text = JSON.stringify(record);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), (at, garbage) => {
        expect(() => parseRecord(text.slice(0, at), file)).toThrow(/is not a record/);
        const mangled = text.slice(0, at) + garbage + text.slice(at + 2);
        try {
          parseRecord(mangled, file);
        } catch (error) {
          expect(error).toMatchObject({ reason: 'usage' });
        }
      }),
    );
  });
});

describe('the catalog', () => {
  const built = (uname: string, digit = 1, changes = {}) =>
    builtEntry(kernelRecord(uname, changes), blob(digit), RUN);
  const failed = (uname: string, changes = {}) => failedEntry(failureRecord(uname, changes), RUN);
  const catalogOf = (...entries: CatalogEntry[]) => mergeCatalog(EMPTY_CATALOG, entries);
  const A = '5.10.0-1.oe2203.x86_64';
  const B = '6.6.0-1.oe2403.aarch64';

  test('survives being written and read', () => {
    const catalog = catalogOf(built(A), failed(B));
    expect(parseCatalog(serialiseCatalog(catalog), 'here')).toEqual(catalog);
  });

  test('keeps what could not read the DWARF of a kernel', () => {
    const tools = { pahole: '1.31', elfutils: '0.190' };
    const record = failureRecord(B, { reason: 'unreadable-dwarf', tools });
    expect(parseRecord(JSON.stringify(record), `records/${B}.json`)).toEqual(record);
    const kept = parseCatalog(serialiseCatalog(catalogOf(failedEntry(record))), 'here');
    expect([...kept.values()]).toEqual([expect.objectContaining({ tools })]);
  });

  test('gets new lines for a new kernel, and no other line changes', () => {
    const before = serialiseCatalog(catalogOf(built(A), built('6.6.0-9.x86_64'))).split('\n');
    const after = serialiseCatalog(
      catalogOf(built('6.6.0-9.x86_64'), failed('5.10.0-7.x86_64'), built(A)),
    ).split('\n');
    const gone = before.filter((line) => !after.includes(line));
    expect(gone).toEqual([]);
    expect(after.join('\n')).toMatch(/5\.10\.0-1[\s\S]*5\.10\.0-7[\s\S]*6\.6\.0-9/);
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, 500), /delete that branch/],
    ['of tomorrow', (text: string) => text.replace('"schema": 1', '"schema": 2'), /newer btfhub/],
    [
      'with a kernel under the path of another',
      (text: string) => text.replace('.x86_64.btf', '.x86_65.btf'),
      /delete that branch/,
    ],
    ['with an unknown state', (text: string) => text.replace('pending', 'lost'), /delete/],
  ])('%s is refused with what to do', (_, change, advice) => {
    const text = change(serialiseCatalog(catalogOf(built(A))));
    try {
      parseCatalog(text, 'here');
      throw new Error('it was read');
    } catch (error) {
      expect(error).toMatchObject({ reason: 'bad-archive', advice: expect.stringMatching(advice) });
    }
  });

  test('with one bad entry gives the others to readers, with a warning, and is refused where it is written again', () => {
    const both = JSON.parse(serialiseCatalog(catalogOf(built(A), built(B))));
    const [bad = ''] = Object.keys(both.kernels).filter((path) => path.includes(A));
    both.kernels[bad].btf.sha256 = 'x';
    both.kernels['../etc/passwd'] = both.kernels[bad];
    const lines: string[] = [];
    const read = parseCatalog(JSON.stringify(both), 'here', (line) => void lines.push(line));
    expect([...read.values()].map(({ uname }) => uname)).toEqual([B]);
    expect(lines).toEqual([expect.stringContaining(`${bad}: btf.sha256`)]);
    expect(lines[0]).toContain('../etc/passwd: ');
    expect(() => parseCatalog(JSON.stringify(both), 'here')).toThrow(bad);
  });

  test('counts each failure of a package once, and starts again for a changed package', () => {
    const first = failed(B, { finishedAt: '2026-11-01T00:00:00.000Z' });
    const second = failed(B, { finishedAt: '2026-11-02T00:00:00.000Z', reason: 'network' });
    const other = failed(B, {
      finishedAt: '2026-11-03T00:00:00.000Z',
      package: { ...failureRecord(B).package, sha256: 'f'.repeat(64) },
    });
    const twice = catalogOf(first, second, first);
    expect([...twice.values()]).toMatchObject([
      { reason: 'network', attempts: [first.attempts[0], second.attempts[0]] },
    ]);
    expect([...mergeCatalog(twice, [other]).values()]).toEqual([other]);
  });

  test('forgets a failure when the kernel is built, and never a kernel for a failure', () => {
    const path = entryPath(built(A));
    expect(catalogOf(failed(A), built(A)).get(path)?.state).toBe('pending');
    expect(catalogOf(built(A), failed(A)).get(path)?.state).toBe('pending');
  });

  test('is the same whatever the order of the records, and when one comes twice', () => {
    const at = fc
      .integer({ min: 1, max: 28 })
      .map((day) => `2026-11-${`${day}`.padStart(2, '0')}T00:00:00.000Z`);
    const uname = fc.constantFrom(A, B, '5.10.0-2.oe2203.x86_64');
    const entry = fc.oneof(
      fc.record({ uname, at }).map(({ uname, at }) => failed(uname, { finishedAt: at })),
      fc.record({ uname, at }).map(({ uname, at }) => built(uname, 1, { finishedAt: at })),
    );
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), fc.array(fc.nat()), (news, order) => {
        const shuffled = news
          .map((one, index) => ({ one, key: order[index] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ one }) => one);
        expect(serialiseCatalog(catalogOf(...shuffled, ...news))).toBe(
          serialiseCatalog(catalogOf(...news)),
        );
      }),
    );
  });

  test('has the states that the branches have', () => {
    const path = entryPath(built(A));
    const listing = (digit: number) => new Map([[path, { oid: blob(digit) }]]);
    const nothing = new Map();
    const state = (
      base: Map<string, { oid: string }>,
      next: Map<string, { oid: string }>,
      entry: CatalogEntry = built(A),
    ) => updateStates(catalogOf(entry), base, next).get(path)?.state;
    expect(state(nothing, listing(1))).toBe('pending');
    expect(state(listing(1), listing(1))).toBe('archived');
    expect(state(listing(2), listing(1))).toBe('pending'); // a replacement waits
    expect(state(nothing, nothing)).toBeUndefined();
    expect(state(nothing, nothing, failed(A))).toBe('failed');
    expect(state(listing(3), nothing, failed(A))).toBeUndefined();
  });

  test("gives DataDog's catalog of what is there, in the archive's own folder names", () => {
    const catalog: Catalog = catalogOf(built(B, 2), built(A), failed('5.10.0-7.x86_64'));
    expect(datadogCatalog(catalog)).toEqual({
      arm64: { openEuler: { '24.03': { [B]: { sha256: kernelRecord(B).tarball.sha256 } } } },
      x86_64: { openEuler: { '22.03': { [A]: { sha256: kernelRecord(A).tarball.sha256 } } } },
    });
    expect(Object.keys(datadogCatalog(catalog))).toEqual(['arm64', 'x86_64']);
    expect(tarballPath(kernelRecord(B), kernelRecord(B).uname)).toContain('/arm64/');
  });
});
