import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Failure } from '../failure.ts';
import type { ByteSource } from './elf.ts';

/** Opens a file for `use` and closes it after. A folder, or what is not there, is `not-found`. */
export async function withFile<Result>(
  path: string,
  use: (source: ByteSource) => Promise<Result>,
): Promise<Result> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK a named pipe would wait for its writer.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw new Failure('not-found', `Cannot read ${path}.`, 'Is the path right?', error);
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new Failure('not-found', `${path} is not a regular file.`);
    return await use(fileSource(path, file, facts.size));
  } finally {
    await file.close();
  }
}

function fileSource(name: string, file: FileHandle, size: number): ByteSource {
  return {
    name,
    size,
    read: async (offset, length) => {
      const buffer = Buffer.alloc(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
        if (bytesRead === 0) throw new Failure('bad-elf', `${name} shrank while it was read.`);
        done += bytesRead;
      }
      return buffer;
    },
  };
}
