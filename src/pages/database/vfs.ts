import type { Sqlite3Static, WasmPointer } from '@sqlite.org/sqlite-wasm';
import type { RandomAccess } from './ranged-file.ts';

/** The only file of the file system. */
export const FILE_NAME = 'site';

/** A file system of SQLite with one file that is only read (sqlite.org/vfs.html). */
export interface ReadOnlyFileSystem {
  readonly name: string;
  /** What a read threw since this was asked for the last time: SQLite only knows that one failed. */
  takeError(): unknown;
}

export function installFileSystem(
  { capi, vfs, wasm }: Sqlite3Static,
  name: string,
  file: RandomAccess,
): ReadOnlyFileSystem {
  let error: unknown;
  const io = new capi.sqlite3_io_methods();
  // The library's types do not have these two members.
  Object.assign(io, { $iVersion: 1 });
  const { structInfo } = capi.sqlite3_file as unknown as { structInfo: { sizeof: number } };
  // Each method is a function of its own: the library makes a WebAssembly function of it by its signature.
  vfs.installVfs({
    io: {
      struct: io,
      methods: {
        xClose: () => capi.SQLITE_OK,
        xRead: (_file, buffer, length, offset) => {
          try {
            const bytes = file.read(Number(offset), length);
            const target = wasm.heap8u().subarray(Number(buffer), Number(buffer) + length);
            target.set(bytes);
            target.fill(0, bytes.length);
            return bytes.length < length ? capi.SQLITE_IOERR_SHORT_READ : capi.SQLITE_OK;
          } catch (thrown) {
            error = thrown;
            return capi.SQLITE_IOERR_READ;
          }
        },
        xWrite: () => capi.SQLITE_READONLY,
        xTruncate: () => capi.SQLITE_READONLY,
        xSync: () => capi.SQLITE_OK,
        xFileSize: (_file, size) => {
          wasm.poke64(size, BigInt(file.size));
          return capi.SQLITE_OK;
        },
        xLock: () => capi.SQLITE_OK,
        xUnlock: () => capi.SQLITE_OK,
        xCheckReservedLock: (_file, result) => {
          wasm.poke(result, 0, 'i32');
          return capi.SQLITE_OK;
        },
        xFileControl: () => capi.SQLITE_NOTFOUND,
        xDeviceCharacteristics: () => capi.SQLITE_OK,
      },
    },
  });
  const system = new capi.sqlite3_vfs();
  system.$iVersion = 1;
  system.$szOsFile = structInfo.sizeof;
  system.$mxPathname = 64;
  vfs.installVfs({
    vfs: {
      struct: system,
      name,
      methods: {
        xOpen: (_system, _name, pointer, _flags, outFlags) => {
          const opened = new capi.sqlite3_file(pointer);
          opened.$pMethods = io.pointer as WasmPointer;
          opened.dispose();
          wasm.poke(outFlags, capi.SQLITE_OPEN_READONLY, 'i32');
          return capi.SQLITE_OK;
        },
        xDelete: () => capi.SQLITE_READONLY,
        xAccess: (_system, path, _flags, result) => {
          wasm.poke(result, wasm.cstrToJs(path) === FILE_NAME ? 1 : 0, 'i32');
          return capi.SQLITE_OK;
        },
        xFullPathname: (_system, path, room, target) =>
          wasm.cstrncpy(target, path, room) < room ? capi.SQLITE_OK : capi.SQLITE_CANTOPEN,
        xSleep: () => capi.SQLITE_OK,
        xCurrentTime: (_system, time) => {
          wasm.poke(time, 2440587.5 + Date.now() / 86_400_000, 'double');
          return capi.SQLITE_OK;
        },
        xGetLastError: () => capi.SQLITE_OK,
      },
    },
  });
  return {
    name,
    takeError: () => {
      const taken = error;
      error = undefined;
      return taken;
    },
  };
}
