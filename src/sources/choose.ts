import { readFile } from 'node:fs/promises';
import { describe, Failure } from '../failure.ts';
import { BUILT_IN } from './built-in.ts';
import { noMatch } from './nearest.ts';
import { parseSource, type Source } from './source.ts';

/** A description of a distribution, by the word that --distribution takes. */
export interface Distribution {
  readonly key: string;
  readonly source: Source;
}

/** The descriptions that come with the program, in the order of their words. */
export function builtInDistributions(): readonly Distribution[] {
  return BUILT_IN.map(({ file, data }) => withKey(parseSource(data, file)));
}

/** The description with that word; throws `not-found`. */
export function builtInSource(key: string): Source {
  const found = builtInDistributions().find((one) => one.key === key);
  if (!found) throw new Failure('not-found', `No source file describes '${key}'.`);
  return found.source;
}

function withKey(source: Source): Distribution {
  return { key: source.key ?? source.id, source };
}

/**
 * The source with that word or ID, of those that come with the program and those of files (JSON or YAML; a source or
 * a list of them). A file's source replaces a built-in one. Rejects with `usage` for a file that is none, with
 * `not-found` for an unknown word, and for a built-in source that is not confirmed.
 */
export async function chooseSource(word: string, files: readonly string[]): Promise<Source> {
  const sources = new Map(builtInDistributions().map(({ key, source }) => [key, source]));
  const given = new Map<string, Source>();
  for (const file of files) {
    for (const source of await readSources(file)) given.set(withKey(source).key, source);
  }
  const own = given.get(word);
  if (own) return own;
  const builtIn = sources.get(word);
  if (builtIn?.status === 'confirmed') return builtIn;
  if (builtIn) {
    throw new Failure(
      'not-found',
      `The description of ${builtIn.name ?? word} is not confirmed: parts of it are assumed.`,
      `Review sources/${word}.yaml of the project, and give it with --sources.`,
    );
  }
  const confirmed = [...sources].filter(([, { status }]) => status === 'confirmed');
  const words = [...confirmed.map(([key]) => key), ...given.keys()];
  const { message, advice } = noMatch('--distribution', word, words);
  throw new Failure('not-found', message, `${advice} --sources <file> adds more.`);
}

/** The sources of one file. Rejects with `usage` for a file that cannot be read or describes none. */
export async function readSources(file: string): Promise<readonly Source[]> {
  let data: unknown;
  try {
    // Loaded here, because hardly any run reads such a file.
    const { parse } = await import('./yaml.ts');
    data = parse(await readFile(file, 'utf8'), { maxAliasCount: 100 });
  } catch (error) {
    throw new Failure(
      'usage',
      `The source file ${file} cannot be read: ${describe(error)}.`,
      'Check the path; the file is YAML or JSON.',
    );
  }
  return (Array.isArray(data) ? data : [data]).map((one: unknown) => parseSource(one, file));
}
