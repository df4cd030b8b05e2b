import pMap from 'p-map';
import { Failure } from '../failure.ts';
import {
  type Arch,
  asArch,
  asRelease,
  asVersionId,
  type Release,
  type VersionId,
} from '../names.ts';
import { isGlob, selector } from './glob.ts';
import type { Source } from './source.ts';

/**
 * The names of the folders in a folder of the tree, undefined where no mirror shows them. A mirror
 * whose names do not look right is not believed.
 */
export type Lister = (
  folder: string,
  looksRight: (names: readonly string[]) => boolean,
) => Promise<readonly string[] | undefined>;

/** Where one repository of a release and architecture may be. */
export interface RepositoryPlace {
  /** The source's word for it: `update`. */
  readonly name: string;
  readonly release: Release;
  readonly versionId: VersionId;
  readonly arch: Arch;
  /** Templates that may still have `<variant>` in them, in the order in which they are tried. */
  readonly forms: readonly string[];
}

/** Requests at the same time: the origin is slow a connection, and one at a time takes minutes. */
export const AT_ONCE = 6;

type Bindings = Readonly<Record<string, string>>;
type Placeholder = 'release' | 'arch' | 'variant';

/** A folder of the tree that a template stands for, and what its placeholders stood for. */
interface Expansion {
  readonly folder: string;
  readonly bindings: Bindings;
}

/**
 * All folders of the tree that fit a template, by listing only where a placeholder is not bound
 * yet. Where a server does not list a folder, names from `guesses` are taken as they are.
 */
export async function expandTemplate(
  template: string,
  bindings: Bindings,
  list: Lister,
  wanted: (placeholder: Placeholder, name: string) => boolean,
  guesses: Readonly<Partial<Record<Placeholder, readonly string[]>>> = {},
): Promise<readonly Expansion[]> {
  let found: Expansion[] = [{ folder: '', bindings }];
  for (const segment of template.split('/')) {
    const ask = (parent: Expansion) => descend(parent, segment, list, wanted, guesses);
    const next = await pMap(found, ask, { concurrency: AT_ONCE });
    found = next.flat();
  }
  return found;
}

async function descend(
  { folder, bindings }: Expansion,
  segment: string,
  list: Lister,
  wanted: (placeholder: Placeholder, name: string) => boolean,
  guesses: Readonly<Partial<Record<Placeholder, readonly string[]>>>,
): Promise<Expansion[]> {
  const bound = substitute(segment, bindings);
  const [, before, placeholder, after] = /^(.*)<(release|arch|variant)>(.*)$/.exec(bound) ?? [];
  const below = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  if (placeholder === undefined) return [{ folder: below(bound), bindings }];
  const kind = placeholder as Placeholder;
  const valueIn = (name: string) => between(name, before ?? '', after ?? '');
  // A tree of another kind, or a page of somebody else's, shows by having no release.
  const looksRight = (names: readonly string[]) =>
    kind !== 'release' || names.some((name) => valueIn(name) !== undefined);
  const names =
    (await list(folder, looksRight)) ??
    (guesses[kind] ?? []).map((guess) => `${before}${guess}${after}`);
  return names.flatMap((name) => {
    const value = valueIn(name);
    if (value === undefined || !wanted(kind, value)) return [];
    return [{ folder: below(name), bindings: { ...bindings, [kind]: value } }];
  });
}

/** A template with what is known filled in. */
export function substitute(template: string, bindings: Bindings): string {
  return template.replace(/<([a-z]+)>/g, (whole, name: string) => bindings[name] ?? whole);
}

function between(name: string, before: string, after: string): string | undefined {
  const fits = name.startsWith(before) && name.endsWith(after);
  const value = fits ? name.slice(before.length, name.length - after.length) : '';
  return value === '' ? undefined : value;
}

/** VERSION_ID of a release by the source's expression, or undefined for a folder that is no release. */
export function versionIdOf(source: Source, name: string): VersionId | undefined {
  const found = new RegExp(source.versionId, 'u').exec(name)?.[1];
  return found === undefined ? undefined : safely(() => asVersionId(found));
}

/**
 * The places of all repositories of the wanted releases and architectures. Rejects with
 * `not-found` when a release or an architecture is asked for that is not there, naming those that are.
 */
export async function findPlaces(
  source: Source,
  wanted: { readonly releases: readonly string[]; readonly arches: readonly string[] },
  list: Lister,
): Promise<readonly RepositoryPlace[]> {
  const releases = new Set<string>();
  const arches = new Set<string>();
  const wantsRelease = selector(wanted.releases);
  const wantsArch = selector(wanted.arches);
  const wants = (placeholder: Placeholder, name: string): boolean => {
    if (placeholder === 'release') {
      if (versionIdOf(source, name) === undefined || !safely(() => asRelease(name))) return false;
      releases.add(name);
      return wantsRelease(name);
    }
    if (placeholder === 'variant') return false;
    if (!safely(() => asArch(name))) return false;
    arches.add(name);
    return wantsArch(name);
  };
  const guesses = { release: literals(wanted.releases), arch: literals(wanted.arches) };
  const places = new Map<string, RepositoryPlace>();
  for (const { name, folders } of source.repositories) {
    for (const template of folders) {
      // The level behind <variant> is looked at only where the form before it has no repodata.
      const head = template.split('/<variant>')[0] ?? template;
      for (const { bindings } of await expandTemplate(head, {}, list, wants, guesses)) {
        const place = toPlace(source, name, bindings, template, places);
        if (place) places.set(place.key, place.value);
      }
    }
  }
  complainOfUnknown('release', wanted.releases, releases);
  complainOfUnknown('architecture', wanted.arches, arches);
  return [...places.values()];
}

function toPlace(
  source: Source,
  name: string,
  bindings: Bindings,
  template: string,
  places: ReadonlyMap<string, RepositoryPlace>,
): { readonly key: string; readonly value: RepositoryPlace } | undefined {
  const release = asRelease(bindings.release ?? '');
  const arch = asArch(bindings.arch ?? '');
  const versionId = versionIdOf(source, release);
  if (versionId === undefined) return undefined;
  const key = `${name} ${release} ${arch}`;
  const forms = [...(places.get(key)?.forms ?? []), substitute(template, bindings)];
  return { key, value: { name, release, versionId, arch, forms } };
}

function literals(words: readonly string[]): readonly string[] {
  return words.filter((word) => !isGlob(word));
}

function complainOfUnknown(
  what: string,
  words: readonly string[],
  existing: ReadonlySet<string>,
): void {
  const unknown = words.find((word) => ![...existing].some(selector([word])));
  if (unknown === undefined) return;
  const names = [...existing].sort();
  throw new Failure(
    'not-found',
    `No ${what} is named '${unknown}'.`,
    names.length > 0 ? `There are: ${names.join(', ')}.` : 'The mirror lists none at all.',
  );
}

function safely<Value>(make: () => Value): Value | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
