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
import { expressionOf, fillIn } from './expression.ts';
import { isGlob, selector } from './glob.ts';
import type { Listing } from './listing.ts';
import { noMatch } from './nearest.ts';
import type { Placeholder, Repository, Source } from './source.ts';
import { type Bindings, placeholdersOf, segmentReader } from './template.ts';

/** The mirrors as one tree of folders. */
export interface FolderTree {
  /**
   * What is in a folder, undefined where there is no such folder. A mirror whose names do not look right is not
   * used any more. A mirror that does not list the folder is a failure, or undefined if the listing is dispensable.
   */
  list(
    folder: string,
    looksRight: (names: readonly string[]) => boolean,
    dispensable: boolean,
  ): Promise<Listing | undefined>;
  /** The IDs that the repomd.xml of a folder lists; none where there is no repomd.xml. */
  repositoryIds(folder: string): Promise<readonly string[]>;
}

/** Where one repository of a release and architecture may be. */
export interface RepositoryPlace {
  readonly repository: Repository;
  readonly release: Release;
  /** Undefined where the packages say it. */
  readonly versionId: VersionId | undefined;
  /** Undefined where the packages say it. */
  readonly arch: Arch | undefined;
  /** Templates that may still have `<variant>` in them, in the order in which they are tried. */
  readonly forms: readonly string[];
}

/** Requests at the same time: the origin is slow for each connection, and one at a time takes minutes. */
export const AT_ONCE = 6;
/** More folders than that fit no real description: the server has a loop, or the template fits everything. */
export const MOST_FOLDERS = 5000;

/** A folder of the tree that a template stands for, and what its placeholders stand for. */
interface Expansion {
  readonly folder: string;
  readonly bindings: Bindings;
}

/** Decides which names of folders are followed. */
interface Choice {
  /** Hears of names before they are asked for one by one. */
  prepare(placeholder: Placeholder, names: readonly string[]): void;
  /** Whether to follow a name that a folder's page has for a placeholder. */
  wants(placeholder: Placeholder, name: string): boolean;
  /** The names to follow where no mirror lists the folder. */
  guesses(placeholder: Placeholder): readonly string[];
}

const EVERYTHING: Choice = { prepare: () => {}, wants: () => true, guesses: () => [] };

/**
 * All folders of the tree that fit a template; a folder is listed only where a placeholder is not bound yet.
 * Throws `bad-repository` when more than 5000 fit.
 */
export async function expandTemplate(
  template: string,
  tree: FolderTree,
  choice: Choice = EVERYTHING,
): Promise<readonly Expansion[]> {
  let found: readonly Expansion[] = [{ folder: '', bindings: {} }];
  for (const segment of template.split('/')) {
    const ask = (parent: Expansion) => descend(parent, segment, tree, choice);
    found = (await pMap(found, ask, { concurrency: AT_ONCE })).flat();
    if (found.length > MOST_FOLDERS) {
      throw new Failure(
        'bad-repository',
        `More than ${MOST_FOLDERS} folders fit '${template}'.`,
        'Name releases and architectures with --release and --arch, or correct the source file.',
      );
    }
  }
  return found;
}

async function descend(
  { folder, bindings }: Expansion,
  segment: string,
  tree: FolderTree,
  choice: Choice,
): Promise<readonly Expansion[]> {
  const bound = fillIn(segment, bindings);
  const open = placeholdersOf(bound);
  const below = (name: string) => (folder === '' ? name : `${folder}/${name}`);
  if (open.length === 0) return [{ folder: below(bound), bindings }];
  if (open.includes('repoid')) {
    const ids = await tree.repositoryIds(folder);
    const each = ids.map((repoid) =>
      descend({ folder, bindings: { ...bindings, repoid } }, segment, tree, choice),
    );
    return (await Promise.all(each)).flat();
  }
  const read = segmentReader(bound);
  // A tree of another kind, or a page that is no listing, has no folder with a release in its name.
  const looksRight = (names: readonly string[]) =>
    !open.includes('release') || names.some((name) => read(name) !== undefined);
  const guessed = combinations(open, choice);
  const listed = await tree.list(folder, looksRight, guessed.length > 0);
  const found = listed?.folders.flatMap((name) => read(name) ?? []) ?? [];
  for (const kind of open)
    choice.prepare(
      kind,
      found.flatMap((one) => one[kind] ?? []),
    );
  const wanted = found.filter((one) => open.every((kind) => choice.wants(kind, one[kind] ?? '')));
  return (listed ? wanted : guessed).map((one) => ({
    folder: below(fillIn(bound, one)),
    bindings: { ...bindings, ...one },
  }));
}

/** Every combination of the guesses for some placeholders; none if there is no guess for one of them. */
function combinations(open: readonly Placeholder[], choice: Choice): readonly Bindings[] {
  let all: readonly Bindings[] = [{}];
  for (const kind of open) {
    const values = choice.guesses(kind);
    all = all.flatMap((one) => values.map((value) => ({ ...one, [kind]: value })));
  }
  return all;
}

/** VERSION_ID by the source's expression on the name of a release; undefined for a folder that is no release. */
export function versionIdOfRelease(source: Source, name: string): VersionId | undefined {
  const rule = source.versionId;
  const groups = expressionOf(typeof rule === 'string' ? rule : rule.match).matchOne(name);
  if (!groups) return undefined;
  const found = typeof rule === 'string' ? groups.first : fillIn(rule.text, groups.named);
  return found === undefined ? undefined : nameOrUndefined(() => asVersionId(found));
}

/** Whether VERSION_ID is read from packages. */
export function isVersionOfPackage({ versionId }: Source): boolean {
  return typeof versionId !== 'string' && versionId.of === 'package';
}

export interface Wanted {
  readonly releases: readonly string[];
  readonly arches: readonly string[];
}

/** Which releases and architectures of a source are wanted, and which exist. */
export class NameSelection implements Choice {
  readonly #source: Source;
  readonly #wanted: Wanted;
  readonly #existing = { release: new Set<string>(), arch: new Set<string>() };
  readonly #selects: Readonly<Record<'release' | 'arch', (name: string) => boolean>>;

  constructor(source: Source, wanted: Wanted) {
    this.#source = source;
    this.#wanted = wanted;
    this.#selects = { release: selector(wanted.releases), arch: selector(wanted.arches) };
  }

  prepare(placeholder: Placeholder, names: readonly string[]): void {
    const rule = this.#source.versionId;
    if (placeholder !== 'release' || isVersionOfPackage(this.#source)) return;
    expressionOf(typeof rule === 'string' ? rule : rule.match).match(names);
  }

  wants(placeholder: Placeholder, name: string): boolean {
    if (placeholder !== 'release' && placeholder !== 'arch') return isFolderName(name);
    if (!this.#isName(placeholder, name)) return false;
    this.#existing[placeholder].add(name);
    return this.#selects[placeholder](name);
  }

  guesses(placeholder: Placeholder): readonly string[] {
    if (placeholder !== 'release' && placeholder !== 'arch') return [];
    const words = placeholder === 'release' ? this.#wanted.releases : this.#wanted.arches;
    const declared = placeholder === 'release' ? this.#source.releases : this.#source.arches;
    const literal = words.length > 0 && !words.some(isGlob);
    const names = literal ? words : declared.filter(this.#selects[placeholder]);
    return names.filter((word) => this.#isName(placeholder, word));
  }

  /** Throws `not-found` for a release or architecture that is asked for and does not exist. */
  expectKnown(): void {
    expectKnownNames('--release', this.#wanted.releases, this.#existing.release);
    expectKnownNames('--arch', this.#wanted.arches, this.#existing.arch);
  }

  #isName(placeholder: 'release' | 'arch', name: string): boolean {
    if (placeholder === 'arch') return nameOrUndefined(() => asArch(name)) !== undefined;
    if (nameOrUndefined(() => asRelease(name)) === undefined) return false;
    return isVersionOfPackage(this.#source) || versionIdOfRelease(this.#source, name) !== undefined;
  }
}

/**
 * The places of all repositories of the wanted releases and architectures. Rejects with
 * `not-found` when a release or an architecture is asked for that does not exist.
 */
export async function findPlaces(
  source: Source,
  repositories: readonly Repository[],
  wanted: Wanted,
  tree: FolderTree,
): Promise<readonly RepositoryPlace[]> {
  const choice = new NameSelection(source, wanted);
  const places = new Map<string, RepositoryPlace>();
  for (const repository of repositories) {
    for (const template of repository.folders) {
      const head = headOf(template);
      for (const { bindings } of await expandTemplate(head, tree, choice)) {
        const place = toPlace(source, repository, bindings, choice);
        if (!place) continue;
        const key = `${repository.name} ${place.release} ${place.arch ?? ''}`;
        const forms = [...(places.get(key)?.forms ?? []), fillIn(template, bindings)];
        places.set(key, { ...place, forms: [...new Set(forms)] });
      }
    }
  }
  choice.expectKnown();
  return [...places.values()];
}

/**
 * The part of a template that has to be listed to know releases and architectures. What follows, from `<variant>`
 * or `<repoid>` on, is looked at only where the form before it has no repository.
 */
function headOf(template: string): string {
  const segments = template.split('/');
  const lazy = segments.findIndex((segment) => /<(?:variant|repoid)>/.test(segment));
  if (lazy <= 0) return template;
  const head = segments.slice(0, lazy).join('/');
  const needed = placeholdersOf(template).filter((kind) => kind === 'release' || kind === 'arch');
  return needed.every((kind) => head.includes(`<${kind}>`)) ? head : template;
}

/** The place that bindings lead to; undefined where it is not wanted. */
export function toPlace(
  source: Source,
  repository: Repository,
  bindings: Bindings,
  choice: NameSelection,
): RepositoryPlace | undefined {
  const release = bindings.release ?? repository.release ?? '';
  const arch = bindings.arch ?? repository.arch;
  // What a folder or a guess gave is wanted already.
  const isFixed = { release: bindings.release === undefined, arch: bindings.arch === undefined };
  if (isFixed.release && !choice.wants('release', release)) return undefined;
  if (isFixed.arch && arch !== undefined && !choice.wants('arch', arch)) return undefined;
  const versionId = isVersionOfPackage(source) ? undefined : versionIdOfRelease(source, release);
  if (versionId === undefined && !isVersionOfPackage(source)) return undefined;
  return {
    repository,
    release: asRelease(release),
    versionId,
    arch: arch === undefined ? undefined : asArch(arch),
    forms: [],
  };
}

function expectKnownNames(
  option: string,
  words: readonly string[],
  existing: ReadonlySet<string>,
): void {
  // Where no page was listed, whether a name exists is known when its repositories are read.
  if (existing.size === 0) return;
  const unknown = words.find((word) => ![...existing].some(selector([word])));
  if (unknown !== undefined) throw noMatch(option, unknown, existing);
}

/** Any name that may stand in a path. */
function isFolderName(name: string): boolean {
  return nameOrUndefined(() => asRelease(name)) !== undefined;
}

export function nameOrUndefined<Value>(make: () => Value): Value | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}
