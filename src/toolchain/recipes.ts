import { sha256 } from '../sha256.ts';
import { RANGE_DECODER, RANGE_DECODER_SOURCE } from './decode-range.ts';

export const REPOSITORIES = ['dwarves', 'libbpf', 'xz'] as const;
export type RepositoryName = (typeof REPOSITORIES)[number];

export type ToolName = 'pahole' | 'xz';

/** One git tree at one commit, and where it belongs in the source folder. */
export interface Part {
  readonly repository: RepositoryName;
  readonly commit: string;
  /** Relative to the source folder: `.` for the tool itself, the submodule's path for the others. */
  readonly path: string;
}

/** A C program of our own that is compiled with a static library of the tool. */
export interface Companion {
  /** The program's name, and that of its source. */
  readonly name: string;
  readonly source: string;
  /** The target of the tool's build that makes the library. */
  readonly target: string;
  /** Relative to the build folder. */
  readonly library: string;
  /** Relative to the source folder. */
  readonly headers: string;
}

/** How one version of one tool is built. All of it is public and pinned. */
export interface Recipe {
  readonly tool: ToolName;
  readonly version: string;
  readonly parts: readonly Part[];
  /** Put beside the tool. The source of the tool itself is never changed. */
  readonly companion?: Companion;
  /** Arguments of cmake besides the folders. */
  readonly cmake: readonly string[];
  /** The target that is built, which is also the program's name in the build folder. */
  readonly target: string;
}

const STATIC = ['-DCMAKE_BUILD_TYPE=Release', '-DBUILD_SHARED_LIBS=OFF'];

/**
 * The libraries that pahole cannot do without (libdw, libelf and theirs) are kept beside it, and
 * an old-style RPATH finds them for each other too; so a cache moves to a machine that has none.
 */
const PAHOLE_CMAKE = [
  ...STATIC,
  '-DLIBBPF_EMBEDDED=ON',
  '-DGIT_SUBMODULE=OFF',
  '-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON',
  '-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib',
  '-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags',
];

function pahole(version: string, dwarves: string, libbpf: string): Recipe {
  return {
    tool: 'pahole',
    version,
    parts: [
      { repository: 'dwarves', commit: dwarves, path: '.' },
      { repository: 'libbpf', commit: libbpf, path: 'lib/bpf' },
    ],
    cmake: PAHOLE_CMAKE,
    target: 'pahole',
  };
}

/** What `xz-range` needs of liblzma. */
const XZ_RANGE: Companion = {
  name: RANGE_DECODER,
  source: RANGE_DECODER_SOURCE,
  target: 'liblzma',
  library: 'liblzma.a',
  headers: 'src/liblzma/api',
};

/** What can be built, the preferred version of each tool first. */
export const RECIPES: readonly Recipe[] = [
  pahole(
    '1.31',
    '1f2805b6eef104df3125143c949b391f6122e5b9',
    '374f7807e197ff35b5c234478e89fddd03e6d0ef',
  ),
  pahole(
    '1.30',
    '52e071dbb1b6886471bf2c90eab95de89c5b3e0d',
    '42a6ef63161a8dc4288172b27f3870e50b3606f7',
  ),
  {
    tool: 'xz',
    version: '5.8.3',
    parts: [{ repository: 'xz', commit: '4b73f2ec19a99ef465282fbce633e8deb33691b3', path: '.' }],
    companion: XZ_RANGE,
    cmake: [...STATIC, '-DXZ_NLS=OFF', '-DXZ_DOC=OFF', '-DBUILD_TESTING=OFF'],
    target: 'xz',
  },
];

/** Raised when the way in which tools are kept changes; a recipe's own changes count by themselves. */
const FORMAT = 2;

/** Twelve hex digits that differ wherever the built program could differ. */
export function fingerprint(recipe: Recipe): string {
  const text = JSON.stringify([FORMAT, recipe.parts, recipe.companion ?? null, recipe.cmake]);
  return sha256(text).slice(0, 12);
}
