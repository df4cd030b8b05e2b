import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { describe, Failure } from '../failure.ts';
import { OPENEULER } from './openeuler.ts';
import { parseSource, type Source } from './source.ts';

/**
 * The source with that ID, out of the built-in one and those of files (JSON or YAML; a source or a
 * list of them); a file's source takes the place of a built-in one of the same ID. Rejects with
 * `usage` for a file that is none, with `not-found` for an unknown ID.
 */
export async function chooseSource(id: string, files: readonly string[]): Promise<Source> {
  const sources = new Map<string, Source>([[OPENEULER.id, OPENEULER]]);
  for (const file of files) {
    for (const source of await readSources(file)) sources.set(source.id, source);
  }
  const chosen = sources.get(id);
  if (chosen) return chosen;
  throw new Failure(
    'not-found',
    `No source is named '${id}'.`,
    `There are: ${[...sources.keys()].join(', ')}; --sources adds more.`,
  );
}

async function readSources(file: string): Promise<readonly Source[]> {
  let data: unknown;
  try {
    data = parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Failure('usage', `The sources of ${file} cannot be read: ${describe(error)}.`);
  }
  return (Array.isArray(data) ? data : [data]).map((one: unknown) => parseSource(one, file));
}
