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
import { noMatch } from './nearest.ts';
import type { Source } from './source.ts';

/**
 * The names of the folders in a folder of the tree, undefined where there is no such folder. A
 * mirror whose names do not look right is not believed. One that refuses to show folders is a
 * failure, or, if the listing is dispensable, undefined as well.
 */
export type Lister = (
  folder: string,
  looksRight: (names: readonly string[]) => boolean,
  dispensable: boolean,
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

/** What an expansion makes of the names it meets. */
interface Choice {
  /** Whether to follow a name that a folder's page has for a placeholder. */
  wants(placeholder: Placeholder, name: string): boolean;
  /** The names to follow where no mirror shows the folder. */
  guesses(placeholder: Placeholder): readonly string[];
}

/** All folders of the tree that fit a template, by listing only where a placeholder is not bound yet. */
export async function expandTemplate(
  template: string,
  list: Lister,
  choice: Choice = { wants: () => true, guesses: () => [] },
): Promise<readonly Expansion[]> {
  let found: Expansion[] = [{ folder: '', bindings: {} }];
  for (const segment of template.split('/')) {
    const ask = (parent: Expansion) => descend(parent, segment, list, choice);
    const next = await pMap(found, ask, { concurrency: AT_ONCE });
    found = next.flat();
  }
  return found;
}

async function descend(
  { folder, bindings }: Expansion,
  segment: string,
  list: Lister,
  choice: Choice,
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
  const listed = await list(folder, looksRight, choice.guesses(kind).length > 0);
  const values = listed
    ? listed.flatMap((name) => valueIn(name) ?? []).filter((value) => choice.wants(kind, value))
    : choice.guesses(kind);
  return values.map((value) => {
    const found = { ...bindings, [kind]: value };
    return { folder: below(substitute(segment, found)), bindings: found };
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
  return found === undefined ? undefined : nameOrUndefined(() => asVersionId(found));
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
  const existing = { release: new Set<string>(), arch: new Set<string>() };
  const wantsRelease = selector(wanted.releases);
  const wantsArch = selector(wanted.arches);
  const choice: Choice = {
    wants: (placeholder, name) => {
      if (placeholder === 'variant' || !isName(source, placeholder, name)) return false;
      existing[placeholder].add(name);
      return placeholder === 'release' ? wantsRelease(name) : wantsArch(name);
    },
    guesses: (placeholder) => {
      if (placeholder === 'variant') return [];
      const words = placeholder === 'release' ? wanted.releases : wanted.arches;
      const literal = words.length > 0 && !words.some(isGlob);
      return literal ? words.filter((word) => isName(source, placeholder, word)) : [];
    },
  };
  const places = new Map<string, RepositoryPlace>();
  for (const { name, folders } of source.repositories) {
    for (const template of folders) {
      // The level behind <variant> is looked at only where the form before it has no repodata.
      const head = template.split('/<variant>')[0] ?? template;
      for (const { bindings } of await expandTemplate(head, list, choice)) {
        const place = toPlace(source, name, bindings, template, places);
        if (place) places.set(place.key, place.value);
      }
    }
  }
  expectKnownNames('--release', wanted.releases, existing.release);
  expectKnownNames('--arch', wanted.arches, existing.arch);
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

function isName(source: Source, placeholder: 'release' | 'arch', name: string): boolean {
  if (placeholder === 'arch') return nameOrUndefined(() => asArch(name)) !== undefined;
  return (
    versionIdOf(source, name) !== undefined && nameOrUndefined(() => asRelease(name)) !== undefined
  );
}

function expectKnownNames(
  option: string,
  words: readonly string[],
  existing: ReadonlySet<string>,
): void {
  // Where no page was shown, whether a name exists comes out when its repositories are read.
  if (existing.size === 0) return;
  const unknown = words.find((word) => ![...existing].some(selector([word])));
  if (unknown === undefined) return;
  throw noMatch(option, unknown, existing);
}

function nameOrUndefined<Value>(make: () => Value): Value | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
