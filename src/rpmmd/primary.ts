import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import { asRepositoryPath } from './path.ts';
import { type Checksum, checksumOf } from './repomd.ts';
import { readXml } from './xml.ts';

/** One package of a repository, as far as finding and fetching it goes. */
export interface PrimaryPackage {
  readonly name: string;
  readonly arch: string;
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
  readonly checksum: Checksum;
  /** Of the .rpm file, bytes. */
  readonly size: number;
  /** When it was built, seconds since 1970. */
  readonly builtAt: number;
  /** Relative to the repository's folder. */
  readonly location: string;
}

export interface PrimaryResult {
  /** The wanted ones, in the order of the file. */
  readonly packages: readonly PrimaryPackage[];
  /** How many packages the file lists altogether. */
  readonly total: number;
  /** Wanted packages that cannot be used, a sentence each: the first hundred. */
  readonly unusable: readonly string[];
  /** What is wrong with the file without making it useless, a sentence each. */
  readonly warnings: readonly string[];
}

/** openEuler's largest repository lists 34,000 packages, and a few hundred kernels. */
const MOST_PACKAGES = 1_000_000;
const MOST_WANTED = 20_000;
const MOST_UNUSABLE = 100;
const LONGEST_NAME = 256;
const LONGEST_LOCATION = 4096;

/** A package while it is read: words as they stand in the file. */
interface Draft {
  name?: string;
  arch?: string;
  epoch?: string | undefined;
  version?: string | undefined;
  release?: string | undefined;
  checksumType?: string | undefined;
  checksum?: string;
  size?: string | undefined;
  builtAt?: string | undefined;
  base?: string | undefined;
  href?: string | undefined;
}

/**
 * The packages with a wanted name out of a primary.xml as createrepo_c writes it. It is read as it arrives, and
 * nothing of the other packages is kept.
 *
 * A wanted package that lacks what is needed to fetch it, or has a location outside of the repository, is left
 * out and named in `unusable`; another number of packages than the file says is a warning, because the checksum
 * of the file is right. Rejects with `bad-repository` when the XML is cut off or broken, or has more packages
 * than any repository. `origin` is its URL.
 */
export async function readPrimary(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  wanted: (name: string) => boolean,
  origin: string,
): Promise<PrimaryResult> {
  const packages: PrimaryPackage[] = [];
  const unusable: string[] = [];
  let total = 0;
  let promised: number | undefined;
  let root: string | undefined;
  let depth = 0;
  let draft: Draft | undefined;

  const finish = (finished: Draft) => {
    const result = complete(finished, origin);
    if (typeof result !== 'string') packages.push(result);
    else if (unusable.length < MOST_UNUSABLE) unusable.push(result);
    if (packages.length > MOST_WANTED) throw tooMany(origin, `${MOST_WANTED} kernels`);
  };
  await readXml(
    chunks,
    {
      open: (name, attributes) => {
        depth += 1;
        if (depth === 1) {
          root = name;
          promised = Number(attributes.packages);
        } else if (depth === 2 && name === 'package') {
          total += 1;
          if (total > MOST_PACKAGES) throw tooMany(origin, `${MOST_PACKAGES} packages`);
          draft = {};
        } else if (depth === 3 && draft) {
          readAttributes(draft, name, attributes);
        }
      },
      close: (name, text) => {
        if (depth === 3 && draft) {
          readText(draft, name, text);
          // Most packages are none of ours: nothing more is kept of them.
          if (name === 'name' && !wanted(text)) draft = undefined;
        } else if (depth === 2 && draft) {
          finish(draft);
          draft = undefined;
        }
        depth -= 1;
      },
    },
    origin,
  );
  if (root !== 'metadata') {
    throw new Failure('bad-repository', `${origin} is no primary metadata: its root is <${root}>.`);
  }
  const warnings: string[] = [];
  if (promised !== undefined && !Number.isNaN(promised) && promised !== total) {
    warnings.push(`${origin} says that it has ${promised} packages, and lists ${total}.`);
  }
  return { packages, total, unusable, warnings };
}

function tooMany(origin: string, limit: string): Failure {
  return new Failure('bad-repository', `${origin} lists more than ${limit}.`);
}

function readAttributes(
  draft: Draft,
  name: string,
  attributes: Readonly<Record<string, string>>,
): void {
  if (name === 'version') {
    draft.epoch = attributes.epoch;
    draft.version = attributes.ver;
    draft.release = attributes.rel;
  } else if (name === 'checksum') draft.checksumType = attributes.type;
  else if (name === 'time') draft.builtAt = attributes.build;
  else if (name === 'size') draft.size = attributes.package;
  else if (name === 'location') {
    draft.base = attributes['xml:base'];
    draft.href = attributes.href;
  }
}

function readText(draft: Draft, name: string, text: string): void {
  if (name === 'name' || name === 'arch' || name === 'checksum') draft[name] = text;
}

/** The package, or a sentence that says why it cannot be used. */
function complete(draft: Draft, origin: string): PrimaryPackage | string {
  const { name, arch, version, release, base, href } = draft;
  const words = [name, arch, version, release];
  const title = printable([name, version, release].map((word) => word ?? '?').join('-'));
  const lacks = (what: string) => `${origin} lists ${title.slice(0, 300)} ${what}.`;
  if (!name || !arch || !version || !release) {
    return lacks('without its name, architecture, version or release');
  }
  if (words.some((word) => word !== undefined && word.length > LONGEST_NAME)) {
    return lacks(`with a name of more than ${LONGEST_NAME} characters`);
  }
  const checksum = checksumOf(draft.checksumType, draft.checksum ?? '');
  if (!checksum) return lacks('without a checksum that can be checked');
  const size = Number(draft.size);
  if (!isCount(size)) return lacks('without its size');
  const path = base === undefined ? (href ?? '') : `${base}/${href}`;
  if (path.length > LONGEST_LOCATION) return lacks('with a location that is too long');
  let location: string;
  try {
    location = asRepositoryPath(path, origin);
  } catch (error) {
    return `${describe(error)} It is left out: ${title.slice(0, 300)}.`;
  }
  const epoch = Number(draft.epoch ?? 0);
  const builtAt = Number(draft.builtAt);
  // A string cut out of a piece of XML keeps the whole piece in memory; a copy does not.
  return structuredClone({
    name,
    arch,
    epoch: isCount(epoch) ? epoch : 0,
    version,
    release,
    checksum,
    size,
    builtAt: isCount(builtAt) ? builtAt : 0,
    location,
  });
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
