import { Failure } from '../failure.ts';
import { printable } from '../names.ts';

/**
 * A path that repository metadata names, relative to the repository's folder; a path
 * that leads outside (absolute, another host, `..`) is refused with `bad-repository`.
 */
export function asRepositoryPath(href: string, origin: string): string {
  const segments = href.replace(/^(?:\.\/)+/, '').split('/');
  const fine = segments.every(
    (segment) => /^[0-9A-Za-z._+~^@=,:%-]+$/.test(segment) && segment !== '.' && segment !== '..',
  );
  if (!fine || /^[a-z]+:/i.test(href)) {
    throw new Failure(
      'bad-repository',
      `${origin} names a file at '${printable(href)}', which is not below the repository.`,
    );
  }
  return segments.join('/');
}
