import sqlite3InitModule, { type Sqlite3Static } from '@sqlite.org/sqlite-wasm';

/** SQLite out of the bytes of sqlite3.wasm, with nothing but what reading needs. */
export function loadSqlite(wasm: Uint8Array): Promise<Sqlite3Static> {
  // The library reads this setting once. What goes wrong is thrown as well, so it logs nothing.
  const quiet = () => {};
  const disable = {
    vfs: { kvvfs: true, opfs: true, 'opfs-vfs': true, 'opfs-sahpool': true, 'opfs-wl': true },
  };
  Object.assign(globalThis, { sqlite3ApiConfig: { warn: quiet, error: quiet, disable } });
  // The library's types leave Emscripten's options out.
  const init = sqlite3InitModule as (options: object) => Promise<Sqlite3Static>;
  return init({ wasmBinary: wasm });
}
