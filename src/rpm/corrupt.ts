import { Failure } from '../failure.ts';

/** The error for wrong bytes in a package: `message` says what was expected, where, and what was there. */
export function corrupt(message: string): Failure {
  return new Failure(
    'corrupt-package',
    message,
    'Download the package again; if it fails in the same way, the published copy is damaged: report it to its repository.',
  );
}
