import { Failure } from '../failure.ts';
import { asRepositoryPath } from './path.ts';
import { readXml } from './xml.ts';

/** A checksum as repository metadata gives it: the algorithm by Node's name, the value in lower-case hex. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: string;
}

/** createrepo_c's names of algorithms -> Node's; MD5 is not accepted. */
const ALGORITHMS = {
  sha: 'sha1',
  sha1: 'sha1',
  sha224: 'sha224',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
} as const;

export const CHECKSUM_ALGORITHMS = ['sha1', 'sha224', 'sha256', 'sha384', 'sha512'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

const HEX_DIGITS: Readonly<Record<ChecksumAlgorithm, number>> = {
  sha1: 40,
  sha224: 56,
  sha256: 64,
  sha384: 96,
  sha512: 128,
};

/** A checksum out of its type and text; undefined where it cannot be checked. */
export function checksumOf(type: string | undefined, text: string): Checksum | undefined {
  if (type === undefined || !Object.hasOwn(ALGORITHMS, type)) return undefined;
  const algorithm = ALGORITHMS[type as keyof typeof ALGORITHMS];
  const value = text.trim().toLowerCase();
  return /^[0-9a-f]+$/.test(value) && value.length === HEX_DIGITS[algorithm]
    ? { algorithm, value }
    : undefined;
}

/** Where a repository's primary metadata is, and how to verify it. */
export interface PrimaryEntry {
  /** Relative to the repository's folder, e.g. `repodata/<sum>-primary.xml.gz`. */
  readonly location: string;
  /** Of the file as it is served. */
  readonly checksum: Checksum;
  /** Bytes as served, where repomd says so. */
  readonly size: number | undefined;
  /** Bytes of the XML, where repomd says so. */
  readonly openSize: number | undefined;
}

/**
 * The entry `primary` of a repomd.xml (the format is createrepo_c's; the file names nothing but
 * what is beside it). Rejects with `bad-repository`; `origin` is its URL.
 */
export async function readRepomd(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  origin: string,
): Promise<PrimaryEntry> {
  const path: string[] = [];
  let inPrimary = false;
  let checksumType: string | undefined;
  const entry: { location?: string; checksum?: Checksum; size?: number; openSize?: number } = {};
  let root: string | undefined;
  await readXml(
    chunks,
    {
      open: (name, attributes) => {
        root ??= name;
        path.push(name);
        if (name === 'data') inPrimary = attributes.type === 'primary';
        if (name === 'checksum') checksumType = attributes.type;
        if (inPrimary && name === 'location' && attributes.href !== undefined) {
          entry.location = asRepositoryPath(attributes.href, origin);
        }
      },
      close: (name, text) => {
        path.pop();
        if (!inPrimary || path.at(-1) !== 'data') return;
        const checksum = name === 'checksum' ? checksumOf(checksumType, text) : undefined;
        if (checksum) entry.checksum = checksum;
        if (name === 'size') entry.size = Number(text);
        if (name === 'open-size') entry.openSize = Number(text);
      },
    },
    origin,
  );
  if (root !== 'repomd') {
    throw new Failure('bad-repository', `${origin} is no repomd: its root is <${root}>.`);
  }
  const { location, checksum, size, openSize } = entry;
  if (location === undefined || checksum === undefined) {
    throw new Failure(
      'bad-repository',
      `${origin} does not say where the primary metadata is and which checksum it has.`,
    );
  }
  return {
    location,
    checksum,
    size: isCount(size) ? size : undefined,
    openSize: isCount(openSize) ? openSize : undefined,
  };
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}
