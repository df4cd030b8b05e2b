import type { Database } from '@sqlite.org/sqlite-wasm';
import type { Rows, SqlValue } from './port.ts';

/** Questions to an open database of SQLite. */
export function rowsOf(database: Database): Rows {
  return (sql, parameters = []) => {
    const resultRows: Record<string, SqlValue>[] = [];
    const bind = [...parameters];
    database.exec({ sql, rowMode: 'object', resultRows, ...(bind.length > 0 ? { bind } : {}) });
    return resultRows;
  };
}
