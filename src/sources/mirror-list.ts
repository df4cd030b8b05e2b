import { Parser } from 'htmlparser2';
import { asBase, type PoolDependencies } from '../download/mirrors.ts';
import { get } from '../download/request.ts';
import { describe, Failure } from '../failure.ts';
import { fillIn } from './expression.ts';
import { NameSelection, type RepositoryPlace, toPlace, type Wanted } from './repositories.ts';
import type { Repository, Source } from './source.ts';
import { type Bindings, readFolder } from './template.ts';

/** A list of all mirrors of a large distribution has less than 100 kB. */
const LARGEST_LIST = 1024 * 1024;
const MOST_ENTRIES = 1000;
/** The mirrors that are used; the rest of a list is left out. */
const MOST_MIRRORS = 8;
const IDLE_TIMEOUT = 20_000;
const TRIES = 2;

/**
 * The addresses of a repository in a mirror list (one URL in a line) or in a metalink (RFC 5854 and the older
 * form of yum, whose URLs are those of repomd.xml), in their order. Where some are https, the others are left out.
 */
export function parseMirrorList(text: string): readonly string[] {
  const words = /^\s*</.test(text) ? urlsOfMetalink(text) : text.split(/\s+/);
  const urls = words
    .slice(0, MOST_ENTRIES)
    .filter((word) => /^https?:\/\//.test(word) && URL.canParse(word))
    .map((word) => word.replace(/\/repodata\/repomd\.xml$/, '').replace(/\/+$/, ''));
  const unique = [...new Set(urls)];
  const secure = unique.filter((url) => url.startsWith('https:'));
  return secure.length > 0 ? secure : unique;
}

function urlsOfMetalink(text: string): string[] {
  const urls: string[] = [];
  let inUrl = false;
  const parser = new Parser(
    {
      onopentag: (name) => {
        inUrl = name === 'url';
        if (inUrl) urls.push('');
      },
      ontext: (piece) => {
        if (inUrl) urls.push(`${urls.pop() ?? ''}${piece}`);
      },
      onclosetag: () => {
        inUrl = false;
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(text);
  return urls.map((url) => url.trim());
}

/** The way in by mirror lists: the roots of mirrors, and the places of repositories below them. */
export interface ListedPlaces {
  readonly mirrors: readonly string[];
  readonly places: readonly RepositoryPlace[];
  readonly problems: readonly { readonly where: string; readonly failure: Failure }[];
}

/** One repository as one mirror list has it. */
interface ListedPlace {
  readonly place: RepositoryPlace;
  readonly roots: readonly string[];
}

/**
 * Reads the mirror list of each repository that has one, for each wanted release and architecture. Where the end of
 * an address fits a folder of the repository, what is in front of it is the root of a mirror.
 */
export async function readMirrorLists(
  source: Source,
  wanted: Wanted,
  ports: PoolDependencies,
  signal: AbortSignal,
): Promise<ListedPlaces> {
  const choice = new NameSelection(source, wanted);
  const listed: ListedPlace[] = [];
  const problems: ListedPlaces['problems'][number][] = [];
  for (const repository of source.repositories) {
    for (const { url, bindings } of listsOf(repository, choice)) {
      try {
        const addresses = parseMirrorList(await fetchList(url, ports, signal));
        const found = locate(source, repository, bindings, addresses, choice);
        if (!found) throw noRepository(url);
        listed.push(found);
      } catch (error) {
        signal.throwIfAborted();
        problems.push({ where: url, failure: asListFailure(url, error) });
      }
    }
  }
  return { mirrors: commonRoots(listed), places: listed.map(({ place }) => place), problems };
}

function listsOf(
  { mirrorList, release, arch }: Repository,
  choice: NameSelection,
): readonly { readonly url: string; readonly bindings: Bindings }[] {
  if (mirrorList === undefined) return [];
  const releases =
    release === undefined
      ? choice.guesses('release')
      : [release].filter((one) => choice.wants('release', one));
  const arches =
    arch === undefined ? choice.guesses('arch') : [arch].filter((one) => choice.wants('arch', one));
  const all = releases.flatMap((one) => arches.map((two) => ({ release: one, arch: two })));
  return all.map((bindings) => ({ url: fillIn(mirrorList, bindings), bindings }));
}

async function fetchList(
  url: string,
  ports: PoolDependencies,
  signal: AbortSignal,
): Promise<string> {
  for (let left = TRIES; ; left -= 1) {
    try {
      const answer = await get(ports, url, { headers: {}, idleTimeout: IDLE_TIMEOUT, signal });
      if (answer.status !== 200) {
        answer.discard();
        throw new Failure('network', `${url} answers with status ${answer.status}.`);
      }
      return await readText(answer.bytes, url);
    } catch (error) {
      signal.throwIfAborted();
      if (left <= 1 || error instanceof Failure) throw error;
    }
  }
}

async function readText(bytes: AsyncIterable<Buffer>, url: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > LARGEST_LIST) {
      throw new Failure(
        'bad-repository',
        `${url} is longer than the ${LARGEST_LIST} bytes of a mirror list.`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The folder that most addresses end in, and the roots in front of it. */
function locate(
  source: Source,
  repository: Repository,
  asked: Bindings,
  addresses: readonly string[],
  choice: NameSelection,
): ListedPlace | undefined {
  const byFolder = new Map<string, { bindings: Bindings; roots: string[] }>();
  for (const address of addresses) {
    const found = divide(address, repository);
    if (!found) continue;
    const same = byFolder.get(found.folder) ?? {
      bindings: { ...asked, ...found.bindings },
      roots: [],
    };
    same.roots.push(found.root);
    byFolder.set(found.folder, same);
  }
  const [best] = [...byFolder].sort(([, one], [, two]) => two.roots.length - one.roots.length);
  if (!best) return undefined;
  const [folder, { bindings, roots }] = best;
  const place = toPlace(source, repository, bindings, choice);
  return place && { place: { ...place, forms: [folder] }, roots };
}

/** An address as the root of a mirror and a folder below it: the end that fits the repository, else the whole path. */
function divide(address: string, { folders }: Repository) {
  const url = new URL(address);
  const names = url.pathname.split('/').filter((name) => name !== '');
  const nothing: Bindings = {};
  try {
    const decoded = names.map(decodeURIComponent);
    for (const template of folders) {
      const folder = decoded.slice(-template.split('/').length).join('/');
      const bindings = readFolder(template, folder);
      if (!bindings) continue;
      const front = names.slice(0, names.length - template.split('/').length).join('/');
      return { root: asBase(`${url.origin}/${front}`), folder, bindings };
    }
    const whole = decoded.join('/');
    return whole === ''
      ? undefined
      : { root: asBase(url.origin), folder: whole, bindings: nothing };
  } catch {
    return undefined;
  }
}

/** Mirrors that all lists have; where there is none, those of each list in turn. */
function commonRoots(listed: readonly ListedPlace[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { roots } of listed) {
    for (const root of new Set(roots)) counts.set(root, (counts.get(root) ?? 0) + 1);
  }
  const all = [...counts];
  const common = all.filter(([, count]) => count === listed.length).map(([root]) => root);
  return (common.length > 0 ? common : all.map(([root]) => root)).slice(0, MOST_MIRRORS);
}

function noRepository(url: string): Failure {
  return new Failure(
    'bad-repository',
    `${url} names no address of a repository.`,
    'Correct the source file, or name a mirror with --mirror.',
  );
}

function asListFailure(url: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure(
    'network',
    `The mirror list ${url} cannot be read: ${describe(error)}.`,
    'Check the network and the proxy variables, or name a mirror with --mirror.',
    error,
  );
}
