import { pMapIterable } from 'p-map';
import { attestationPath } from '../attestation/bundle.ts';
import { Failure } from '../failure.ts';
import { sha256 } from '../sha256.ts';
import type { Archive } from './archive.ts';
import {
  type ArchiveContent,
  CATALOG_BRANCH,
  CATALOG_FILE,
  type Catalog,
  catalogFileOf,
  entryPath,
  MODULES_BRANCH,
  parseCatalog,
} from './catalog.ts';
import { archivePaths, type KernelName, parseTarballPath, tarballPath } from './layout.ts';

/** A tarball as it came out of an archive. */
export interface ArchivedTarball {
  readonly kernel: KernelName;
  readonly tarball: Buffer;
  /** Whether the catalog promises these very bytes; false where it says nothing about the kernel. */
  readonly promised: boolean;
}

/** What those who use an archive need of it, wherever it is: nothing is moved but what is read. */
export interface ArchiveReader {
  /** For messages: the URL or folder. */
  readonly name: string;
  /**
   * Every kernel, in the order of paths, each once although Arm's have two paths.
   * Throws `not-found` where files cannot be listed, as over HTTP without a catalog.
   */
  list(): Promise<readonly KernelName[]>;
  /**
   * The tarballs of these kernels, in their order; of those that the archive lacks, none comes.
   * Throws `checksum-mismatch` for one that the catalog knows with other bytes.
   */
  read(kernels: readonly KernelName[]): AsyncGenerator<ArchivedTarball>;
  /** The catalog, or undefined where there is none. */
  catalog(): Promise<Catalog | undefined>;
  /**
   * What names the bytes of a kernel's tarball, `git-<oid>` or `sha256-<sum>`; undefined where nothing
   * does, as in a folder without git.
   */
  identify(kernel: KernelName): Promise<string | undefined>;
  /** The Sigstore bundles that are kept for a tarball with this SHA-256, or undefined where there are none. */
  attestation(tarballSha256: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Hears of what is wrong in a catalog; the rest of it is used. */
type Warn = (line: string) => void;

/** How the files of one archive are had. */
interface ArchiveFiles {
  readonly name: string;
  list(catalog: Catalog | undefined): Promise<readonly KernelName[]>;
  read(
    kernels: readonly KernelName[],
  ): AsyncIterable<{ readonly kernel: KernelName; readonly tarball: Buffer }>;
  catalogFile(): Promise<Buffer | undefined>;
  /** A file beside the catalog. */
  fileBesideCatalog(path: string): Promise<Buffer | undefined>;
  identify(kernel: KernelName, catalog: Catalog | undefined): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Reads an archive in git, or a folder with its layout. What is to be read is fetched in one go. */
export function archiveReader(
  archive: Archive,
  content: ArchiveContent = 'kernels',
  warn?: Warn,
): ArchiveReader {
  const branch = content === 'kernels' ? undefined : MODULES_BRANCH;
  const regularFiles = async () => {
    const entries = [...(await archive.listPaths(branch))];
    return entries.filter(([, { mode }]) => mode.startsWith('100')).map(([path]) => path);
  };
  return readerOf(
    {
      name: archive.name,
      list: async () => kernelsAt(await regularFiles()),
      read: async function* (kernels) {
        const present = new Set(await regularFiles());
        const wanted = new Map<string, KernelName>();
        for (const kernel of kernels) {
          const path = archivePaths(kernel, kernel.uname).find((one) => present.has(one));
          if (path !== undefined) wanted.set(path, kernel);
        }
        for await (const { path, bytes } of archive.readFiles(branch, [...wanted.keys()])) {
          const kernel = wanted.get(path);
          if (kernel !== undefined) yield { kernel, tarball: bytes };
        }
      },
      catalogFile: () => archive.readFile(CATALOG_BRANCH, catalogFileOf(content)),
      fileBesideCatalog: (path) => archive.readFile(CATALOG_BRANCH, path),
      identify: async (kernel) => {
        const listing = await archive.listPaths(branch);
        const path = archivePaths(kernel, kernel.uname).find((one) => listing.has(one));
        const oid = path === undefined ? undefined : listing.get(path)?.oid;
        return oid === undefined ? undefined : `git-${oid}`;
      },
      close: () => archive.close(),
    },
    warn,
  );
}

/** Requests at the same time; the door to HTTP has limits of its own. */
const REQUESTS = 4;

/**
 * Reads an archive whose files lie below an HTTP root, as a forge's raw files do. Only its catalog,
 * `<root>/catalog.json`, lists what is there.
 *
 * @param get the bytes of a file below the root, or undefined when there is none
 */
export function httpReader(
  name: string,
  get: (path: string) => Promise<Buffer | undefined>,
  warn?: Warn,
): ArchiveReader {
  const tarballOf = async (kernel: KernelName) => {
    for (const path of archivePaths(kernel, kernel.uname)) {
      const tarball = await get(path);
      if (tarball !== undefined) return { kernel, tarball };
    }
    return undefined;
  };
  return readerOf(
    {
      name,
      list: async (catalog) => {
        if (catalog === undefined) {
          throw new Failure(
            'not-found',
            `What ${name} has cannot be listed: it has no ${CATALOG_FILE}.`,
            'Give the git URL of the archive, or a folder with it.',
          );
        }
        const present = [...catalog.values()].filter(({ state }) => state === 'archived');
        return kernelsAt(present.map(entryPath));
      },
      read: async function* (kernels) {
        const some = { concurrency: REQUESTS };
        for await (const one of pMapIterable(kernels, tarballOf, some)) if (one) yield one;
      },
      catalogFile: () => get(CATALOG_FILE),
      fileBesideCatalog: get,
      identify: async (kernel, catalog) => {
        const entry = catalog?.get(entryPath(kernel));
        return entry?.state === 'archived' ? `sha256-${entry.tarball.sha256}` : undefined;
      },
      close: async () => {},
    },
    warn,
  );
}

function readerOf(files: ArchiveFiles, warn: Warn | undefined): ArchiveReader {
  let known: Promise<Catalog | undefined> | undefined;
  const catalog = () => {
    known ??= files
      .catalogFile()
      .then((bytes) => bytes && parseCatalog(bytes.toString('utf8'), files.name, warn));
    return known;
  };
  return {
    name: files.name,
    catalog,
    list: async () => files.list(await catalog()),
    identify: async (kernel) => files.identify(kernel, await catalog()),
    read: async function* (kernels) {
      for await (const { kernel, tarball } of files.read(kernels)) {
        const promised = isPromised(await catalog(), kernel, tarball, files.name);
        yield { kernel, tarball, promised };
      }
    },
    attestation: async (sum) => {
      const bytes = await files.fileBesideCatalog(attestationPath(sum));
      return bytes?.toString('utf8');
    },
    close: files.close,
  };
}

function kernelsAt(paths: readonly string[]): readonly KernelName[] {
  const kernels = new Map<string, KernelName>();
  for (const path of paths) {
    const kernel = parseTarballPath(path);
    if (kernel) kernels.set(tarballPath(kernel, kernel.uname), kernel);
  }
  return [...kernels].sort(([one], [two]) => (one < two ? -1 : 1)).map(([, kernel]) => kernel);
}

/** Whether a catalog promises these bytes. Throws `checksum-mismatch` when it promises others. */
export function isPromised(
  catalog: Catalog | undefined,
  kernel: KernelName,
  tarball: Buffer,
  archive: string,
): boolean {
  const path = entryPath(kernel);
  const entry = catalog?.get(path);
  if (entry === undefined || entry.state === 'failed') return false;
  const sum = sha256(tarball);
  if (sum === entry.tarball.sha256) return true;
  // What waits for review is on another branch: here may be the bytes that it is to replace.
  if (entry.state === 'pending') return false;
  throw new Failure(
    'checksum-mismatch',
    `${path} of ${archive} has the SHA-256 ${sum}, and its catalog promises ${entry.tarball.sha256}.`,
    'Do not use it; try again, and if it stays so tell those who keep the archive.',
  );
}
