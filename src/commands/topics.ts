import { REASONS } from '../failure.ts';

/** A page of `btfhub help <topic>` that belongs to no single command. */
export interface Topic {
  readonly name: string;
  readonly summary: string;
  readonly text: string;
}

export const TOPICS: readonly Topic[] = [
  {
    name: 'environment',
    summary: 'options and other settings in environment variables',
    text: `Each option can be set by a variable: --trust-key by BTFHUB_TRUST_KEY. The command line has priority, and an
empty variable counts as not set. A flag is 'true' or 'false'. Several names are separated by commas or spaces;
several paths, keys or tool sources are written one per line.

  BTFHUB_WITH_MODULES   --modules of the commands that read or publish files with modules; BTFHUB_MODULES is build's list
  BTFHUB_BASE_BTF       --base of 'verify'; BTFHUB_BASE is the branch of an archive
  BTFHUB_TOKEN          the token of 'publish'; it has no option, so that it is in no process list
  BTFHUB_OUTPUTS        a file that gets the outputs of the command as name=value lines
  BTFHUB_SUMMARY        a file that gets the summary of the command as Markdown
  HTTPS_PROXY, HTTP_PROXY, NO_PROXY   the proxy for downloads, also in lower case
  NO_COLOR              no colours on a terminal
  TMPDIR                the folder for temporary files
  XDG_CACHE_HOME        the folder of the cache, by default ~/.cache
`,
  },
  {
    name: 'exit-status',
    summary: 'what the exit status means',
    text: `  0    everything is done, also when there was nothing to do
  1    something failed (a kernel, a repository); everything else is done
  2    wrong usage, or nothing could be done
  130  ended by SIGINT; no partial file is left
  141  the reader of the output is gone (a closed pipe)
  143  ended by SIGTERM; no partial file is left
`,
  },
  {
    name: 'json',
    summary: 'the output for programs',
    text: `With --json, standard output is exactly one JSON document, and everything else is on standard error. With
--output <file>, which commands without an --output of their own have, the document is written to a file.
A failure is {"error": {"reason": ..., "message": ..., "advice": ...}}. The reasons are
${wrapped(REASONS.join(', '))}
`,
  },
  {
    name: 'globs',
    summary: 'how kernels, releases and architectures are selected',
    text: `--kernel, --release, --arch and --flavour take names and globs: * is any text, ? is one character, [0-9] is one
of several, 'all' is everything. Quote globs, so that the shell does not replace them. Repeat an option for several
values. What matches none is an error that names the nearest values.
`,
  },
];

/** Lines of at most 110 columns. */
function wrapped(text: string): string {
  return text.replace(/(.{1,110})(?: |$)/g, '$1\n').trimEnd();
}
