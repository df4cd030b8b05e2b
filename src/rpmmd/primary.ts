import { Failure } from '../failure.ts';
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
}

type Draft = { -readonly [Key in keyof PrimaryPackage]?: PrimaryPackage[Key] };

/**
 * The packages with a wanted name out of a primary.xml as createrepo_c writes it. It is read as it
 * comes and nothing of the other packages is kept. Rejects with `bad-repository` when the XML is
 * cut off or broken, lists another number of packages than it promises, or a wanted package lacks
 * what is needed to fetch it. `origin` is its URL.
 */
export async function readPrimary(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  wanted: (name: string) => boolean,
  origin: string,
): Promise<PrimaryResult> {
  const packages: PrimaryPackage[] = [];
  let total = 0;
  let promised: number | undefined;
  let root: string | undefined;
  let depth = 0;
  let draft: Draft | undefined;
  let checksumType: string | undefined;

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
          draft = {};
        } else if (depth === 3 && draft) {
          checksumType = attributes.type;
          readAttributes(draft, name, attributes, origin);
        }
      },
      close: (name, text) => {
        if (depth === 3 && draft) {
          readText(draft, name, text, checksumType);
          // Most packages are none of ours: nothing more is noted of them.
          if (name === 'name' && !wanted(text)) draft = undefined;
        } else if (depth === 2 && draft) {
          packages.push(complete(draft, origin));
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
  if (promised !== undefined && !Number.isNaN(promised) && promised !== total) {
    throw new Failure(
      'bad-repository',
      `${origin} promises ${promised} packages and lists ${total}.`,
      'The mirror may be in the middle of an update: try again later, or another --mirror.',
    );
  }
  return { packages, total };
}

function readAttributes(
  draft: Draft,
  name: string,
  attributes: Readonly<Record<string, string>>,
  origin: string,
): void {
  if (name === 'version') {
    draft.epoch = Number(attributes.epoch ?? 0);
    draft.version = attributes.ver ?? '';
    draft.release = attributes.rel ?? '';
  } else if (name === 'time') {
    draft.builtAt = Number(attributes.build);
  } else if (name === 'size') {
    draft.size = Number(attributes.package);
  } else if (name === 'location') {
    const elsewhere = attributes['xml:base'];
    draft.location = asRepositoryPath(
      elsewhere === undefined ? (attributes.href ?? '') : `${elsewhere}/${attributes.href}`,
      origin,
    );
  }
}

function readText(draft: Draft, name: string, text: string, type: string | undefined): void {
  if (name === 'name') draft.name = text;
  else if (name === 'arch') draft.arch = text;
  else if (name === 'checksum') {
    const checksum = checksumOf(type, text);
    if (checksum) draft.checksum = checksum;
  }
}

function complete(draft: Draft, origin: string): PrimaryPackage {
  const { name, arch, epoch, version, release, checksum, size, builtAt, location } = draft;
  if (!name || !arch || !version || !release || !checksum || !location || !isCount(size)) {
    throw new Failure(
      'bad-repository',
      `${origin} lists ${name ?? 'a package'} without what is needed to fetch it.`,
    );
  }
  // Strings cut out of a piece of XML keep that whole piece in memory; copies do not.
  return structuredClone({
    ...{ name, arch, version, release, checksum, location, size },
    epoch: isCount(epoch) ? epoch : 0,
    builtAt: isCount(builtAt) ? builtAt : 0,
  });
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0;
}
