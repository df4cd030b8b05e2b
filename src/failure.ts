/**
 * Why something could not be done: stable words that stand in JSON, in records and in the catalog.
 * A reason is never renamed; what reads the archive depends on it.
 */
export const REASONS = [
  'no-vmlinux', // the package holds no vmlinux: permanent until the package changes
  'no-dwarf', // vmlinux has no debug information: permanent likewise
  'corrupt-package', // not an RPM, or its lengths and checksums contradict each other
  'checksum-mismatch', // other bytes than the repository's metadata promise
  'bad-signature', // the signature is there and wrong, or made by a key we do not trust
  'unsigned', // a signature was demanded and there is none
  'bad-repository', // metadata that is missing, cut off, or contradicts its own checksum
  'network', // no mirror could deliver
  'pahole-failed',
  'bad-elf', // a file that should be ELF is not, or is broken: permanent for a package's vmlinux
  'bad-btf', // what pahole made did not pass the check
  'missing-program', // a program this needs is not installed
  'out-of-memory', // pahole was killed for memory
  'no-space', // the temporary folder or the output is full
  'bad-archive', // the archive breaks its own contract, or git refused
  'forge', // the forge's API refused
  'not-found', // nothing has the name that was asked for
  'interrupted', // SIGINT or SIGTERM
  'usage', // the command line or a plan is wrong
  'internal', // a defect of this program
] as const;

export type Reason = (typeof REASONS)[number];

/**
 * An error that a person can act on: what was attempted, on what, and what to do.
 * The message is whole sentences without a trailing newline; `advice` is the last of them.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly reason: Reason;
  readonly advice: string | undefined;

  constructor(reason: Reason, message: string, advice?: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.advice = advice;
  }

  toJSON(): { reason: Reason; message: string; advice?: string } {
    const { reason, message, advice } = this;
    return advice === undefined ? { reason, message } : { reason, message, advice };
  }
}

/** Whatever was thrown, as a Failure; what is not one already is a defect and keeps its stack as the cause. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const message = describe(thrown);
  if (isSystemError(thrown, 'ENOSPC')) {
    return noSpace(message, thrown);
  }
  return new Failure('internal', message, 'This is a defect of btfhub: please report it.', thrown);
}

/** A disk, or memory that serves as one, is full: `message` says it in the words of whoever met it. */
export function noSpace(message: string, cause?: unknown): Failure {
  return new Failure('no-space', message, 'Free some space, or choose another folder.', cause);
}

/** The message of anything thrown, with its chain of causes. */
export function describe(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('message' in thrown))
    return String(thrown);
  const cause = 'cause' in thrown ? thrown.cause : undefined;
  return cause === undefined ? `${thrown.message}` : `${thrown.message}: ${describe(cause)}`;
}

/** Whether this is an error of the operating system with that code (`ENOENT`, `ENOSPC`, ...). */
export function isSystemError(thrown: unknown, code: string): boolean {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === code;
}
