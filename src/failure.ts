/**
 * Error codes that are written to JSON, records and the catalog. A reason is never renamed, because
 * programs that read the archive depend on it.
 */
export const REASONS = [
  'no-vmlinux', // the package contains no vmlinux: permanent until the package changes
  'no-dwarf', // vmlinux has no debug information: permanent until the package changes
  'unreadable-dwarf', // vmlinux has debug information that the installed pahole cannot read
  'corrupt-package', // not an RPM, or its lengths and checksums are inconsistent
  'checksum-mismatch', // the bytes do not match the checksum in the repository's metadata or the catalog
  'bad-signature', // the signature is wrong, or made by a key that is not trusted
  'unsigned', // a signature is required and the package has none
  'bad-repository', // metadata that is missing, truncated, or does not match its checksum
  'network', // no mirror could deliver the file
  'pahole-failed',
  'bad-elf', // not an ELF file, or a damaged one: permanent for a package's vmlinux
  'bad-btf', // the BTF did not pass the check
  'no-btf', // the kernel in the boot image has no BTF: permanent until the package changes
  'bad-image', // a boot image that is damaged, is no kernel, or is another kernel
  'ambiguous-btf', // a boot image contains more than one BTF that could be the kernel's
  'missing-program', // a required program is not installed
  'out-of-memory', // the kernel killed pahole for lack of memory
  'no-space', // the temporary folder or the output is full
  'no-attestation', // an attestation is required and there is none
  'bad-attestation', // the attestation does not prove that the required repository made the file
  'bad-archive', // the archive does not have the documented layout, or git refused
  'forge', // the forge's API refused
  'not-found', // nothing with the given name exists
  'interrupted', // SIGINT or SIGTERM
  'usage', // the command line or an input file is wrong
  'internal', // a bug of btfhub
] as const;

export type Reason = (typeof REASONS)[number];

/**
 * An error that a user can act on. `message` says what was attempted, on what, and what went wrong, in full
 * sentences without a trailing newline. `advice` says what to do.
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

/**
 * Converts a thrown value to a Failure. Other errors become `internal`, with the error as the cause; a full
 * disk becomes `no-space`, and a path that cannot be used `usage`.
 */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const message = describe(thrown);
  // A full disk, a quota, and a limit of the size of files (RLIMIT_FSIZE).
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].some((code) => isSystemError(thrown, code))) {
    return noSpace(message, thrown);
  }
  const mistake = pathMistake(thrown);
  if (mistake !== undefined) {
    return new Failure('usage', mistake, 'Check the path, who owns it, and its rights.', thrown);
  }
  return new Failure('internal', message, 'This is a bug of btfhub: please report it.', thrown);
}

/** What the operating system says about a path that a person gave, by the code of its error (errno(3)). */
const PATH_MISTAKES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'the operating system does not allow it',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EISDIR: 'it is a folder, not a file',
  EEXIST: 'something of that name is there already',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
};

function pathMistake(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  if (!('path' in thrown) || !('code' in thrown)) return undefined;
  const why = PATH_MISTAKES[`${thrown.code}`];
  return why === undefined ? undefined : `'${thrown.path}' cannot be used: ${why}.`;
}

/** The failure for a full disk or a full tmpfs. */
export function noSpace(message: string, cause?: unknown): Failure {
  return new Failure('no-space', message, 'Free some space, or choose another folder.', cause);
}

/** The message of a thrown value, with its chain of causes. */
export function describe(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('message' in thrown))
    return String(thrown);
  const cause = 'cause' in thrown ? thrown.cause : undefined;
  return cause === undefined ? `${thrown.message}` : `${thrown.message}: ${describe(cause)}`;
}

/** Whether a thrown value is a system error with this code (`ENOENT`, `ENOSPC`, ...). */
export function isSystemError(thrown: unknown, code: string): boolean {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === code;
}
