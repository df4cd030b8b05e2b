import * as v from 'valibot';
import type { Api } from './api.ts';
import { parseResponse } from './parse-response.ts';

/** 10,000 pull requests: a forge that never comes to an end is not asked for ever. */
const MOST_PAGES = 100;

/**
 * Reads all pages of a list of pull requests.
 * @param query of the first page, without its number
 * @param isLast whether a page is the last one, by how many entries it has
 */
export async function listPulls<Schema extends v.GenericSchema>(
  api: Api,
  title: string,
  path: string,
  query: Readonly<Record<string, string>>,
  schema: Schema,
  isLast: (entries: number) => boolean,
): Promise<v.InferOutput<Schema>[]> {
  const all: v.InferOutput<Schema>[] = [];
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    const search = new URLSearchParams({ ...query, page: `${page}` });
    const answer = await api.call('list pull requests', 'GET', `${path}?${search}`);
    const some = parseResponse(title, v.array(schema), answer);
    all.push(...some);
    if (isLast(some.length)) break;
  }
  return all;
}
