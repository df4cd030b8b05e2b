import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe } from '../failure.ts';
import { replaceFile } from '../platform/replace-file.ts';
import { sha256 } from '../sha256.ts';

/** Raised when what an older program cached must not be read by a newer one. */
const SCHEMA = 2;

/** Small JSON documents under keys, kept between runs. Losing them costs time, nothing else. */
export interface MetadataCache {
  /** The value under the key; undefined where there is none, or none of that shape. */
  read<Shape extends v.GenericSchema>(
    key: string,
    shape: Shape,
  ): Promise<v.InferOutput<Shape> | undefined>;
  write(key: string, value: unknown): Promise<void>;
}

/** Keeps nothing. */
export const noCache: MetadataCache = { read: async () => undefined, write: async () => {} };

/**
 * A cache in a folder with a file for each key; the folder is made when it is first needed. Several programs may
 * use it at the same time. When it cannot be written, `warn` is called once and nothing more is written.
 */
export function folderCache(folder: string, warn: (message: string) => void): MetadataCache {
  let writable = true;
  const fileOf = (key: string) => join(folder, `${sha256(`${SCHEMA} ${key}`)}.json`);
  return {
    read: async (key, shape) => {
      const text = await readFile(fileOf(key), 'utf8').catch(() => undefined);
      if (text === undefined) return undefined;
      const result = v.safeParse(v.object({ key: v.literal(key), value: shape }), parseJson(text));
      return result.success ? (result.output.value as v.InferOutput<typeof shape>) : undefined;
    },
    write: async (key, value) => {
      if (!writable) return;
      const file = fileOf(key);
      try {
        await replaceFile(file, JSON.stringify({ key, value }));
      } catch (error) {
        writable = false;
        warn(`The metadata cache in ${folder} cannot be written: ${describe(error)}.`);
      }
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
