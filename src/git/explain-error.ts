import { Failure, type Reason } from '../failure.ts';

interface KnownMessage {
  readonly pattern: RegExp;
  readonly reason: Reason;
  readonly advice: string;
}

/** What git and the hosts say, and what helps; the first that fits counts. */
const KNOWN_MESSAGES: readonly KnownMessage[] = [
  {
    pattern: /No space left on device|Disk quota exceeded/i,
    reason: 'no-space',
    advice: 'Free some space, or set TMPDIR to another folder.',
  },
  {
    pattern: /protocol "?http"? (is )?(not supported|disabled)|transport 'http' not allowed/i,
    reason: 'bad-archive',
    advice:
      'The host redirects from https to http, which is not followed: give --archive the https address that it has now.',
  },
  {
    pattern: /dubious ownership/i,
    reason: 'bad-archive',
    advice:
      "The repository belongs to another user: run 'git config --global --add safe.directory <folder>' if you trust it.",
  },
  {
    pattern:
      /failed to sign|gpg failed|cannot run gpg|user\.signingkey needs to be set|Couldn't load public key|No secret key/i,
    reason: 'usage',
    advice:
      "Git is set to sign commits (commit.gpgsign), and cannot. Give it a key (user.signingkey), or set 'git config --global commit.gpgsign false'.",
  },
  {
    pattern:
      /hash algorithm|mismatched algorithms|unknown object format|unsupported object format|repository extension.*objectformat/i,
    reason: 'bad-archive',
    advice:
      'The archive uses another hash algorithm (SHA-256) than this git can push to it: push one commit to it by hand, or use a SHA-1 repository.',
  },
  {
    pattern:
      /insufficient permission for adding|unable to create (temporary|new|file|directory)|unable to write (sha1|loose|new|object|file)|Read-only file system|could not create (work tree|leading|directory)|unable to append/i,
    reason: 'bad-archive',
    advice: 'The folder cannot be written: check who owns it, its rights, and --archive or TMPDIR.',
  },
  {
    pattern:
      /quota|over its (data|storage) limit|LFS (budget|storage)|exceeds .{0,40}(limit|maximum)|larger than|file size limit|repository size|GH001|error: 413|HTTP 413|Too Large/i,
    reason: 'bad-archive',
    advice:
      'A limit of the host on size is reached: raise it there, or publish fewer kernels at a time.',
  },
  {
    pattern: /could not read Username|could not read Password|terminal prompts disabled/i,
    reason: 'bad-archive',
    advice:
      'The host wants to know who you are: set BTFHUB_TOKEN or --token-file; a user name in the URL is not a token. A private or misspelt repository looks the same.',
  },
  {
    pattern: /Authentication failed|HTTP Basic: Access denied|error: 401|Incorrect username or/i,
    reason: 'bad-archive',
    advice:
      'The host does not accept the token of BTFHUB_TOKEN or --token-file: is it expired, revoked, or of another host? Some hosts want --user too.',
  },
  {
    pattern: /archived|read[- ]only mode|is (currently )?read-only/i,
    reason: 'bad-archive',
    advice:
      'The host keeps the repository for reading only: make it writable, or give another --archive.',
  },
  {
    pattern:
      /protected branch|protected ref|hook declined|GH006|GH013|push rule|not allowed to force push/i,
    reason: 'bad-archive',
    advice:
      'A rule or a hook of the host refuses pushes to this branch: allow them for the user of the token.',
  },
  {
    pattern:
      /error: 403|denied to|not allowed to push|permission denied|access denied|Write access/i,
    reason: 'bad-archive',
    advice:
      'The token may not do this: it needs the right to write to the repository (contents: write).',
  },
  {
    pattern: /not found|does not exist|not appear to be a git repository|error: 404|error: 410/i,
    reason: 'not-found',
    advice:
      'Check --archive: was the repository renamed or moved? A private repository looks the same to those who may not see it.',
  },
  {
    pattern:
      /Could not resolve|Failed to connect|Connection (refused|reset|timed out)|unable to access|early EOF|hung up|RPC failed|unexpected disconnect|timed out|error: (429|5\d\d)/i,
    reason: 'network',
    advice: 'Try again; if it stays so, check the network, the proxy and the host.',
  },
];

/** What git refused, as a Failure that says what to do. `attempt` is a verb phrase: `push to`. */
export function explainGitError(
  attempt: string,
  where: string,
  said: string,
  cause?: unknown,
): Failure {
  const known = KNOWN_MESSAGES.find(({ pattern }) => pattern.test(said));
  const lines = said
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(hint|To) ?:?/.test(line) && line !== 'Done');
  const message = `git could not ${attempt} ${where}: ${lines.slice(-6).join(' ') || 'it said nothing.'}`;
  return new Failure(known?.reason ?? 'bad-archive', message, known?.advice, cause);
}
