import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import fc from 'fast-check';
import { loadSqlite } from '../../src/pages/database/load-sqlite.ts';
import { openDatabase } from '../../src/pages/database/open.ts';
import {
  BLOCK,
  type RandomAccess,
  RangedFile,
  WholeFile,
} from '../../src/pages/database/ranged-file.ts';
import { SiteError } from '../../src/pages/database/site-error.ts';

let sqlite3: Sqlite3Static;
/** A database of some 1.5 MB that SQLite itself wrote. */
let bytes: Uint8Array;

beforeAll(async () => {
  const path = createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm');
  sqlite3 = await loadSqlite(readFileSync(path));
  const database = new sqlite3.oo1.DB(':memory:');
  database.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, body BLOB);
    CREATE INDEX by_name ON t (name);
    WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
    INSERT INTO t SELECT i, 'name' || (i * 7919 % 4000), zeroblob(300) FROM n;`);
  bytes = sqlite3.capi.sqlite3_js_db_export(database);
  database.close();
});

interface Requested {
  readonly file: RandomAccess;
  readonly ranges: [number, number][];
}

function ranged(content: Uint8Array = bytes, start = 0): Requested {
  const ranges: [number, number][] = [];
  const get = (first: number, last: number) => {
    ranges.push([first, last]);
    return content.slice(first, last + 1);
  };
  return { file: new RangedFile(content.length, get, content.slice(0, start)), ranges };
}

const transferred = ({ ranges }: Requested) =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

test('any reads give the bytes of the file, and no byte is asked for twice', () => {
  const content = Uint8Array.from({ length: BLOCK * 9 + 123 }, (_, index) => (index * 31) % 251);
  const reads = fc.array(fc.tuple(fc.nat(content.length), fc.integer({ min: 0, max: BLOCK * 3 })));
  fc.assert(
    fc.property(reads, fc.nat(content.length), (pairs, start) => {
      const { file, ranges } = ranged(content, start);
      for (const [offset, length] of pairs) {
        const expected = content.slice(offset, offset + length);
        expect(Buffer.from(file.read(offset, length)).equals(expected)).toBe(true);
      }
      const asked = ranges.flatMap(([first, last]) => {
        expect(last).toBeGreaterThanOrEqual(first);
        expect(last).toBeLessThan(content.length);
        return Array.from(
          { length: Math.ceil((last + 1 - first) / BLOCK) },
          (_, n) => first + n * BLOCK,
        );
      });
      expect(new Set(asked).size).toBe(asked.length);
    }),
  );
});

test('reads in order need few requests', () => {
  const requested = ranged();
  for (let at = 0; at < bytes.length; at += 4096) requested.file.read(at, 4096);
  expect(transferred(requested)).toBe(bytes.length);
  expect(requested.ranges.length).toBeLessThan(bytes.length / BLOCK / 10);
});

test('SQLite answers over ranges as in memory, and reads little for one row', () => {
  const requested = ranged(bytes, BLOCK);
  const rows = openDatabase(sqlite3, requested.file);
  expect(rows('SELECT count(*) AS n FROM sqlite_schema')).toEqual([{ n: 2 }]);
  const sql = 'SELECT id, name FROM t WHERE name = ?';
  expect(rows(sql, ['name17'])).toEqual(
    openDatabase(sqlite3, new WholeFile(bytes))(sql, ['name17']),
  );
  expect(transferred(requested)).toBeGreaterThan(0);
  expect(transferred(requested)).toBeLessThan(6 * BLOCK);
});

test('nothing can be written', () => {
  const rows = openDatabase(sqlite3, new WholeFile(bytes));
  expect(() => rows('DELETE FROM t')).toThrow(/readonly/);
});

test('an error of the host comes out of the query as it is', () => {
  const content = bytes;
  const offline = new SiteError('offline', 'no network');
  const get = (): Uint8Array => {
    throw offline;
  };
  const rows = openDatabase(sqlite3, new RangedFile(content.length, get, content.slice(0, BLOCK)));
  expect(() => rows('SELECT sum(length(body)) FROM t')).toThrow(offline);
});

test.each([
  ['is no database', () => new Uint8Array(8192).fill(65)],
  [
    'has pages of other bytes',
    () => Uint8Array.from(bytes, (byte, at) => (at < 4096 ? byte : 0xa5)),
  ],
  ['has no end', () => bytes.slice(0, 20_000)],
])('a file that %s is said to be damaged', (_, make) => {
  const query = () => {
    openDatabase(sqlite3, new WholeFile(make()))('SELECT sum(length(name)) FROM t');
  };
  expect(query).toThrow(expect.objectContaining({ kind: 'damaged' }));
});
