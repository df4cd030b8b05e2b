import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import { gunzipSync } from 'fflate';
import type { Rows, SqlValue } from '../../explorer/port.ts';
import { rowsOf } from '../../explorer/rows.ts';
import { PAGE_SIZE, SITE_SCHEMA, TABLES } from '../../explorer/schema.ts';
import { describe, Failure } from '../../failure.ts';

/** An explorer's database in memory, open for questions. Close it. */
export interface OpenDatabase {
  readonly rows: Rows;
  close(): void;
}

/** Opens the bytes of a database. Throws `bad-archive` for bytes that are none of this schema. */
export async function openDatabase(bytes: Uint8Array, from: string): Promise<OpenDatabase> {
  const sqlite3 = await loadSqlite();
  const { capi, wasm } = sqlite3;
  const database = new sqlite3.oo1.DB(':memory:');
  try {
    // The library knows plain arrays only, and no Buffer.
    const { buffer, byteOffset, length } = bytes;
    const pointer = wasm.allocFromTypedArray(new Uint8Array(buffer, byteOffset, length));
    const { SQLITE_DESERIALIZE_FREEONCLOSE, SQLITE_DESERIALIZE_READONLY } = capi;
    const flags = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_READONLY;
    const size = bytes.length;
    const { pointer: handle } = database;
    if (handle === undefined) throw new Error('SQLite has closed it');
    database.checkRc(capi.sqlite3_deserialize(handle, 'main', pointer, size, size, flags));
    const schema = Number(database.selectValue('PRAGMA user_version'));
    if (schema !== SITE_SCHEMA) throw otherSchema(from, schema);
    return { rows: rowsOf(database), close: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Failure) throw error;
    const why = `The database ${from} cannot be read: ${describe(error)}.`;
    throw new Failure('bad-archive', why, 'Build the site again, without --previous.', error);
  }
}

function otherSchema(from: string, schema: number): Failure {
  return new Failure(
    'bad-archive',
    `The database ${from} has the schema ${schema}, and this btfhub knows ${SITE_SCHEMA}.`,
    schema > SITE_SCHEMA ? 'Use a newer btfhub.' : 'Build the site again, without --previous.',
  );
}

/** One table's rows, in the order of its key. */
export interface TableRows {
  readonly table: string;
  /** Number of columns. */
  readonly columns: number;
  readonly rows: Iterable<readonly SqlValue[]>;
}

/**
 * The bytes of a database with these rows. The same rows give the same bytes: the file has no times in it, and
 * SQLite's own version is pinned.
 */
export async function writeDatabase(tables: readonly TableRows[]): Promise<Uint8Array> {
  const sqlite3 = await loadSqlite();
  const database = new sqlite3.oo1.DB(':memory:');
  try {
    database.exec(`PRAGMA page_size = ${PAGE_SIZE}; PRAGMA user_version = ${SITE_SCHEMA};`);
    database.exec(TABLES);
    database.exec('BEGIN');
    for (const { table, columns, rows } of tables) {
      const places = Array.from({ length: columns }, () => '?').join(', ');
      const statement = database.prepare(`INSERT INTO ${table} VALUES (${places})`);
      try {
        for (const row of rows) statement.bind([...row]).stepReset();
      } finally {
        statement.finalize();
      }
    }
    // Fills the pages, and puts those of a table one behind the other.
    database.exec('COMMIT; VACUUM;');
    return sqlite3.capi.sqlite3_js_db_export(database);
  } finally {
    database.close();
  }
}

let loaded: Promise<Sqlite3Static> | undefined;

function loadSqlite(): Promise<Sqlite3Static> {
  loaded ??= load();
  return loaded;
}

async function load(): Promise<Sqlite3Static> {
  const { default: initialise } = await import('@sqlite.org/sqlite-wasm');
  // The library reads this setting once. What goes wrong is thrown as well, so it logs nothing.
  const quiet = () => {};
  Object.assign(globalThis, { sqlite3ApiConfig: { warn: quiet, error: quiet } });
  // The library's types leave Emscripten's options out.
  const init = initialise as (options: object) => Promise<Sqlite3Static>;
  return init({ wasmBinary: await readWasm() });
}

/** Of the pages beside the bundle, else of the package. */
async function readWasm(): Promise<Uint8Array> {
  const bundled = fileURLToPath(new URL('./site/sqlite3.wasm.gz', import.meta.url));
  if (existsSync(bundled)) return gunzipSync(await readFile(bundled));
  try {
    return await readFile(
      createRequire(import.meta.url).resolve('@sqlite.org/sqlite-wasm/sqlite3.wasm'),
    );
  } catch (error) {
    throw new Failure(
      'not-found',
      'SQLite and the pages of the site are not beside btfhub.',
      'The single file does not contain them: use the npm package openeuler-btfhub, the RPM or a clone.',
      error,
    );
  }
}
