import { Failure, type Reason } from '../failure.ts';

interface KnownMessage {
  readonly pattern: RegExp;
  readonly reason: Reason;
  readonly advice: string;
}

/** What git and the hosts say, and what helps; the first that fits counts. */
const KNOWN_MESSAGES: readonly KnownMessage[] = [
  {
    pattern: /could not read Username|could not read Password|terminal prompts disabled/i,
    reason: 'bad-archive',
    advice:
      'The host wants to know who you are: set BTFHUB_TOKEN or --token-file. A private or misspelt repository looks the same.',
  },
  {
    pattern: /Authentication failed|HTTP Basic: Access denied|error: 401|Incorrect username or/i,
    reason: 'bad-archive',
    advice:
      'The host does not accept the token: is it expired, or of another host? Some hosts want --user too.',
  },
  {
    pattern:
      /error: 403|denied to|not allowed to push|permission denied|access denied|Write access/i,
    reason: 'bad-archive',
    advice:
      'The token may not do this: it needs the right to write to the repository (contents: write).',
  },
  {
    pattern: /protected branch|pre-receive hook declined|GH006|hook declined/i,
    reason: 'bad-archive',
    advice: 'A rule of the host refuses pushes to this branch: allow it for the user of the token.',
  },
  {
    pattern: /not found|does not exist|not appear to be a git repository|error: 404/i,
    reason: 'not-found',
    advice: 'Check --archive. A private repository looks the same to those who may not see it.',
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
    .filter((line) => line !== '' && !/^hint:/.test(line));
  const message = `git could not ${attempt} ${where}: ${lines.slice(-6).join(' ') || 'it said nothing.'}`;
  return new Failure(known?.reason ?? 'bad-archive', message, known?.advice, cause);
}
