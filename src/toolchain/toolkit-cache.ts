import { cacheDir, find } from '@actions/tool-cache';

/** A tool's place in a cache: `<name>/<version>/<variant>`. */
export interface ToolPlace {
  readonly name: string;
  /** Three numbers. */
  readonly version: string;
  readonly variant: string;
}

/** The toolkit's `find` in a cache folder: the tool's folder, if it is marked as complete. */
export function findIn(
  cacheFolder: string,
  { name, version, variant }: ToolPlace,
): string | undefined {
  const leave = enter(cacheFolder);
  try {
    return find(name, version, variant) || undefined;
  } finally {
    leave();
  }
}

let last: Promise<unknown> = Promise.resolve();

/** The toolkit's `cacheDir` into a cache folder: copies a finished tool, and marks it as complete. One at a time. */
export function cacheIn(
  cacheFolder: string,
  { name, version, variant }: ToolPlace,
  finished: string,
): Promise<string> {
  const copied = last.then(async () => {
    const leave = enter(cacheFolder);
    try {
      return await cacheDir(finished, name, version, variant);
    } finally {
      leave();
    }
  });
  last = copied.catch(() => {});
  return copied;
}

/**
 * The toolkit takes its folder from the environment of this process, and writes `::debug::` commands to standard
 * output, also where no runner reads them. Both are as before when the returned function was called; no program is
 * started in between.
 */
function enter(cacheFolder: string): () => void {
  const before = process.env.RUNNER_TOOL_CACHE;
  const { stdout } = process;
  const { write } = stdout;
  process.env.RUNNER_TOOL_CACHE = cacheFolder;
  stdout.write = ((text: string | Uint8Array, ...rest: []) =>
    String(text).startsWith('::debug::') || write.call(stdout, text, ...rest)) as typeof write;
  return () => {
    stdout.write = write;
    if (before === undefined) delete process.env.RUNNER_TOOL_CACHE;
    else process.env.RUNNER_TOOL_CACHE = before;
  };
}
