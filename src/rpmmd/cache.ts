import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe } from '../failure.ts';
import { replaceFile } from '../platform/replace-file.ts';
import { sha256 } from '../sha256.ts';

/** Raised when what an older program kept must not be read by a newer one. */
const SCHEMA = 1;

/** What is kept between runs: small JSON documents under keys. Losing it costs time, nothing else. */
export interface MetadataCache {
  /** What was kept under the key, or undefined where there is nothing, or nothing of that shape. */
  read<Shape extends v.GenericSchema>(
    key: string,
    shape: Shape,
  ): Promise<v.InferOutput<Shape> | undefined>;
  write(key: string, value: unknown): Promise<void>;
}

/** Keeps nothing. */
export const noCache: MetadataCache = { read: async () => undefined, write: async () => {} };

/**
 * A cache in a folder, a file a key; it is made when it is first needed. Several programs may use it
 * at once. When it cannot be written `complain` hears so once, and the work goes on without it.
 */
export function folderCache(folder: string, complain: (message: string) => void): MetadataCache {
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
        complain(`The metadata cache in ${folder} cannot be written: ${describe(error)}.`);
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
