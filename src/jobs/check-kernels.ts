import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Archive } from '../archive/git.ts';
import { TARBALL_SUFFIX } from '../archive/layout.ts';
import { loadBtf } from '../btf/load.ts';
import { unpackBtf } from '../btf/tarball.ts';
import { Failure } from '../failure.ts';
import { selector } from '../sources/glob.ts';
import type { World } from '../world/world.ts';

/** One kernel to look at: its BTF is brought and unpacked when it is its turn. */
export interface KernelBtf {
  /** `uname -r`, or the name of a file. */
  readonly name: string;
  /** What it is counted with: `22.03 x86_64 5.10.0-60`. */
  readonly line: string;
  /** Raw BTF. */
  load(): Promise<Buffer>;
}

/** Kernels, and how many they are. */
export interface Kernels {
  readonly count: number;
  readonly each: AsyncIterable<KernelBtf>;
}

/** Which kernels of an archive; none of a kind of glob selects all. */
export interface Selection {
  readonly kernels: readonly string[];
  readonly arches: readonly string[];
  readonly versionIds: readonly string[];
}

type Ports = Pick<World, 'programs' | 'interrupted'>;

/** The kernels of an archive in its layout, one line after the other. Throws `not-found` for none. */
export async function archiveKernels(
  world: Ports,
  archive: Archive,
  selection: Selection,
): Promise<Kernels> {
  const places = selectPlaces([...(await archive.listPaths()).keys()], selection);
  if (places.size === 0) {
    throw new Failure(
      'not-found',
      `No kernel in ${archive.name} is selected.`,
      'Do --kernel, --arch and --version-id name what is there?',
    );
  }
  async function* each(): AsyncGenerator<KernelBtf> {
    for await (const { path, bytes } of archive.readFiles(undefined, [...places.keys()])) {
      const place = places.get(path);
      if (place !== undefined) yield { ...place, load: () => unpack(world, path, bytes) };
    }
  }
  return { count: places.size, each: each() };
}

/** Files of raw BTF, ELF files with `.BTF`, and tarballs. */
export function fileKernels(world: Ports, paths: readonly string[]): Kernels {
  async function* each(): AsyncGenerator<KernelBtf> {
    for (const path of paths) {
      const isTarball = path.endsWith(TARBALL_SUFFIX);
      const name = basename(path).replace(/\.btf(\.tar\.xz)?$/, '');
      const load = async () =>
        isTarball ? unpack(world, path, await readFile(path)) : loadBtf(path);
      yield { name, line: name, load };
    }
  }
  return { count: paths.length, each: each() };
}

async function unpack(world: Ports, path: string, bytes: Uint8Array): Promise<Buffer> {
  const { uname, btf } = await unpackBtf(world.programs, bytes, { signal: world.interrupted });
  if (basename(path) === `${uname}${TARBALL_SUFFIX}`) return btf;
  throw new Failure('bad-archive', `${path} holds the BTF of another kernel: ${uname}.`);
}

/** `<distribution>/<VERSION_ID>/<arch>/<uname -r>.btf.tar.xz` */
const PATH = /^[^/]+\/([^/]+)\/([^/]+)\/([^/]+)\.btf\.tar\.xz$/;

function selectPlaces(paths: readonly string[], selection: Selection) {
  const kernels = selector(selection.kernels);
  const arches = selector(selection.arches);
  const versions = selector(selection.versionIds);
  const places = new Map<string, { readonly name: string; readonly line: string }>();
  const seen = new Set<string>();
  for (const path of [...paths].sort()) {
    const [, version = '', folder = '', name = ''] = PATH.exec(path) ?? [];
    // The same kernels are there once more under the other name of the architecture.
    const arch = folder === 'arm64' ? 'aarch64' : folder;
    const key = `${version} ${arch} ${name}`;
    if (name === '' || seen.has(key)) continue;
    if (!kernels(name) || !(arches(arch) || arches(folder)) || !versions(version)) continue;
    seen.add(key);
    places.set(path, { name, line: `${version} ${arch} ${baseOf(name)}` });
  }
  return places;
}

/** What all updates of one release's kernel have in common: `5.10.0-136` of `5.10.0-136.12.0.86.oe2203sp1.x86_64`. */
function baseOf(uname: string): string {
  return /^\d+\.\d+\.\d+-\d+/.exec(uname)?.[0] ?? uname;
}
