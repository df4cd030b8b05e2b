import type { Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import type { Rows } from '../../explorer/port.ts';
import { rowsOf } from '../../explorer/rows.ts';
import type { RandomAccess } from './ranged-file.ts';
import { SiteError } from './site-error.ts';
import { FILE_NAME, installFileSystem } from './vfs.ts';

let systems = 0;

/** Opens the SQLite database in `file` for queries. Throws SiteError. */
export function openDatabase(sqlite3: Sqlite3Static, file: RandomAccess): Rows {
  const system = installFileSystem(sqlite3, `read-only-${++systems}`, file);
  const attempt = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (thrown) {
      throw system.takeError() ?? asSiteError(sqlite3, thrown);
    }
  };
  const database = attempt(() => new sqlite3.oo1.DB(`file:${FILE_NAME}`, 'r', system.name));
  const rows = rowsOf(database);
  return (sql, parameters) => attempt(() => rows(sql, parameters));
}

/** Primary result codes (sqlite.org/rescode.html) of a file that is no database, or a broken one. */
function asSiteError({ capi }: Sqlite3Static, thrown: unknown): unknown {
  const code = (thrown as { readonly resultCode?: unknown }).resultCode;
  if (typeof code !== 'number') return thrown;
  const damage: readonly number[] = [
    capi.SQLITE_NOTADB,
    capi.SQLITE_CORRUPT,
    capi.SQLITE_IOERR,
    capi.SQLITE_CANTOPEN,
    // A table that every database has is not there.
    capi.SQLITE_ERROR,
  ];
  return damage.includes(code & 0xff)
    ? new SiteError('damaged', String((thrown as Error).message))
    : thrown;
}
