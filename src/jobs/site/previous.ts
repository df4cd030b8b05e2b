import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { entryPath } from '../../archive/catalog.ts';
import { MANIFEST_SCHEMA } from '../../explorer/manifest.ts';
import { listKernels } from '../../explorer/queries.ts';
import { describe, Failure, isSystemError } from '../../failure.ts';
import { sha256 } from '../../sha256.ts';
import { openDatabase } from './sqlite.ts';
import { DefinitionStore } from './store.ts';

export const MANIFEST_FILE = 'site.json';
export const DATABASE_FILE = /^explorer-[0-9a-f]{12}\.sqlite$/;

const manifest = v.object({
  schema: v.literal(MANIFEST_SCHEMA),
  database: v.object({ file: v.pipe(v.string(), v.regex(DATABASE_FILE)), sha256: v.string() }),
});

/** What a site that was built before has. */
export interface PreviousSite {
  readonly store: DefinitionStore;
  /** By the path of the tarball in the archive. */
  readonly kernels: ReadonlyMap<string, PreviousKernel>;
}

export interface PreviousKernel {
  /** In the store. */
  readonly position: number;
  readonly identity: string;
}

/**
 * Reads a site that `site` built. One of another schema of tables cannot be extended.
 * @returns undefined where the folder has no site
 * @throws Failure `bad-archive` for a damaged one
 */
export async function readPreviousSite(folder: string): Promise<PreviousSite | undefined> {
  const bytes = await readDatabaseFile(folder);
  if (bytes === undefined) return undefined;
  const database = await openDatabase(bytes, folder);
  try {
    const store = new DefinitionStore();
    store.load(database.rows);
    const identities = new Map(
      database
        .rows('SELECT id, identity FROM kernel WHERE position IS NOT NULL')
        .map((row) => [Number(row.id), String(row.identity)]),
    );
    const kernels = new Map<string, PreviousKernel>();
    for (const kernel of listKernels(database.rows)) {
      const identity = identities.get(kernel.id);
      if (identity === undefined || kernel.position === undefined) continue;
      kernels.set(entryPath(kernel), { position: kernel.position, identity });
    }
    return { store, kernels };
  } finally {
    database.close();
  }
}

/** The bytes of the database of a site; undefined where the folder has no site. */
export async function readDatabaseFile(folder: string): Promise<Uint8Array | undefined> {
  const path = join(folder, MANIFEST_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
  const { file, sha256: promised } = parseManifest(path, text);
  const bytes = await readFile(join(folder, file)).catch((error) => {
    throw damaged(`${path} names ${file}, which cannot be read: ${describe(error)}`, error);
  });
  if (sha256(bytes) !== promised) {
    throw damaged(`${join(folder, file)} has not the SHA-256 that ${path} promises`);
  }
  return bytes;
}

function parseManifest(path: string, text: string): { file: string; sha256: string } {
  try {
    return v.parse(manifest, JSON.parse(text)).database;
  } catch (error) {
    throw damaged(`${path} is not what 'btfhub site' writes: ${describe(error)}`, error);
  }
}

function damaged(what: string, cause?: unknown): Failure {
  const advice = 'Build the site again, without --previous.';
  return new Failure('bad-archive', `${what}.`, advice, cause);
}
