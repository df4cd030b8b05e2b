import { closeSync, openSync, writeSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../../boot-image/unpack.ts';
import { Failure } from '../../failure.ts';

/** Stores of unpacked layers as files in a folder: a kernel of 60 MB is not held in memory. */
export function fileStores(folder: string): () => Promise<Store> {
  let count = 0;
  return async () => {
    count += 1;
    return fileStore(join(folder, `layer-${count}`));
  };
}

function fileStore(path: string): Store {
  const descriptor = openSync(path, 'wx', 0o600);
  let size = 0;
  let writing = true;
  let file: FileHandle | undefined;
  const endWriting = () => {
    if (writing) closeSync(descriptor);
    writing = false;
  };
  return {
    write: async (bytes) => {
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
      size += bytes.length;
    },
    finish: async (name) => {
      endWriting();
      const opened = await open(path, 'r');
      file = opened;
      return { name, size, read: (offset, length) => readWhole(opened, name, offset, length) };
    },
    remove: async () => {
      endWriting();
      await file?.close();
      file = undefined;
      await rm(path, { force: true });
    },
  };
}

async function readWhole(
  file: FileHandle,
  name: string,
  offset: number,
  length: number,
): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) throw new Failure('internal', `${name}: its unpacked file shrank.`);
    done += bytesRead;
  }
  return buffer;
}
