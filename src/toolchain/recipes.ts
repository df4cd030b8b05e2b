import { createHash } from 'node:crypto';

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

/** Whoever reads xz through a pipe pays for every piece of it: 64 KiB instead of 8. */
const LARGER_PIECES: Edit = {
  file: 'src/xz/file_io.h',
  from: '#	define IO_BUFFER_SIZE (BUFSIZ & ~7U)',
  to: '#	define IO_BUFFER_SIZE 65536',
};

/** It decodes on while the reader is busy with the last pieces. Where output is no socket, this does nothing. */
const LARGER_SOCKET: readonly Edit[] = [
  {
    file: 'src/xz/file_io.c',
    from: '#include "tuklib_open_stdxxx.h"\n',
    to: '#include "tuklib_open_stdxxx.h"\n#include <sys/socket.h>\n',
  },
  {
    file: 'src/xz/file_io.c',
    from: '	warn_fchown = geteuid() == 0;\n',
    to: `	warn_fchown = geteuid() == 0;

	const int room = 1 << 20;
	setsockopt(STDOUT_FILENO, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
`,
  },
];

/** How many bytes of its output an xz of ours leaves out, from the first on. */
export const SKIP_OUTPUT = 'XZ_SKIP_OUTPUT';

/** Most of a package is modules, which lie before vmlinux: what nobody wants does not go through the pipe. */
const SKIPPED_OUTPUT: Edit = {
  file: 'src/xz/coder.c',
  from: `	if (opt_mode != MODE_TEST) {
		if (io_write(pair, &out_buf, IO_BUFFER_SIZE - strm.avail_out))
			return true;
	}
`,
  to: `	static uint64_t skip = UINT64_MAX;
	if (skip == UINT64_MAX) {
		const char *said = getenv("${SKIP_OUTPUT}");
		skip = said == NULL ? 0
				: str_to_uint64("${SKIP_OUTPUT}", said, 0, INT64_MAX);
	}

	size_t size = IO_BUFFER_SIZE - strm.avail_out;
	if (skip > 0) {
		const size_t skipped = skip < size ? (size_t)skip : size;
		skip -= skipped;
		size -= skipped;
		memmove(out_buf.u8, out_buf.u8 + skipped, size);
	}

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
    edits: [LARGER_PIECES, ...LARGER_SOCKET, SKIPPED_OUTPUT],
    cmake: [...STATIC, '-DXZ_NLS=OFF', '-DXZ_DOC=OFF', '-DBUILD_TESTING=OFF'],
    target: 'xz',
  },
];

/** Raised when the way in which tools are kept changes; a recipe's own changes count by themselves. */
const FORMAT = 1;

/** Twelve hex digits that differ wherever the built program could differ. */
export function fingerprint(recipe: Recipe): string {
  const text = JSON.stringify([FORMAT, recipe.parts, recipe.edits ?? null, recipe.cmake]);
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
