import { sha256 } from '../sha256.ts';

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

/** A change to one file of the source; the old text must be there exactly once. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** How one version of one tool is made. All of it is public and pinned. */
export interface Recipe {
  readonly tool: ToolName;
  readonly version: string;
  readonly parts: readonly Part[];
  /** Changes to the source, in order. */
  readonly edits?: readonly Edit[];
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
  ...['-DLIBBPF_EMBEDDED=ON', '-DGIT_SUBMODULE=OFF', '-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON'],
  ...['-DCMAKE_INSTALL_RPATH=$ORIGIN/../lib', '-DCMAKE_EXE_LINKER_FLAGS=-Wl,--disable-new-dtags'],
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

/** Whoever is at the other end pays for every piece that xz reads or writes: 256 KiB instead of 8, all that waits in its input. */
const LARGER_PIECES: Edit = {
  file: 'src/xz/file_io.h',
  from: '#	define IO_BUFFER_SIZE (BUFSIZ & ~7U)',
  to: '#	define IO_BUFFER_SIZE 262144',
};

/**
 * It takes all that has come, so that the pipe is empty and filled again while it decodes; it does not wait until its
 * buffer is full. (The magic that a format is told by is in the first few bytes.)
 */
const WHAT_HAS_COME: Edit = {
  file: 'src/xz/file_io.c',
  from: `			if (IS_EAGAIN_OR_EWOULDBLOCK(errno)) {
				// Disable the flush-timeout`,
  to: `			if (IS_EAGAIN_OR_EWOULDBLOCK(errno)) {
				if (pos >= 4096)
					return pos;

				// Disable the flush-timeout`,
};

/** Which bytes of its output an xz of ours writes: `<first>+<how many>`. It decodes all the others too. */
export const OUTPUT_PART = 'XZ_OUTPUT_PART';

/** Most of a package is modules: what nobody wants is not written, and vmlinux goes straight into its file. */
const PART_OF_OUTPUT: Edit = {
  file: 'src/xz/coder.c',
  from: `	if (opt_mode != MODE_TEST) {
		if (io_write(pair, &out_buf, IO_BUFFER_SIZE - strm.avail_out))
			return true;
	}
`,
  to: `	static uint64_t skip = UINT64_MAX;
	static uint64_t left = UINT64_MAX;
	if (skip == UINT64_MAX) {
		const char *part = getenv("${OUTPUT_PART}");
		if (part == NULL)
			skip = 0;
		else if (sscanf(part, "%" SCNu64 "+%" SCNu64, &skip, &left) != 2)
			message_fatal("${OUTPUT_PART}=%s", part);
	}

	size_t size = IO_BUFFER_SIZE - strm.avail_out;
	const size_t skipped = my_min(skip, size);
	skip -= skipped;
	size = my_min(left, size - skipped);
	left -= size;
	if (skipped > 0)
		memmove(out_buf.u8, out_buf.u8 + skipped, size);

	if (opt_mode != MODE_TEST && size > 0 && io_write(pair, &out_buf, size))
		return true;
`,
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
    edits: [LARGER_PIECES, WHAT_HAS_COME, PART_OF_OUTPUT],
    cmake: [...STATIC, '-DXZ_NLS=OFF', '-DXZ_DOC=OFF', '-DBUILD_TESTING=OFF'],
    target: 'xz',
  },
];

/** Raised when the way in which tools are kept changes; a recipe's own changes count by themselves. */
const FORMAT = 1;

/** Twelve hex digits that differ wherever the built program could differ. */
export function fingerprint(recipe: Recipe): string {
  const text = JSON.stringify([FORMAT, recipe.parts, recipe.edits ?? null, recipe.cmake]);
  return sha256(text).slice(0, 12);
}
