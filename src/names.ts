import { Failure } from './failure.ts';

declare const checked: unique symbol;

/** A string that passed the check of its kind, and so may become a path, a ref or an argument. */
type Name<Kind extends string> = string & { readonly [checked]: Kind };

/** `uname -r` of a kernel, e.g. `5.10.0-136.12.0.86.oe2203sp1.x86_64`. */
export type Uname = Name<'uname -r'>;
/** A release as the mirror's root names it, without the distribution: `22.03-LTS-SP1`. */
export type Release = Name<'release'>;
/** An architecture as RPM and `uname -m` name it: `x86_64`, `aarch64`. */
export type Arch = Name<'architecture'>;
/** VERSION_ID of /etc/os-release: `22.03`. */
export type VersionId = Name<'VERSION_ID'>;
/** ID of /etc/os-release, which is the archive's first folder: `openEuler`. */
export type DistributionId = Name<'distribution'>;
/** A branch of the archive: `next`. */
export type Branch = Name<'branch'>;

/** Starts with a letter or digit (never an option, never hidden), no separator, nothing a shell or git minds. */
const WORD = /^[0-9A-Za-z](?:[0-9A-Za-z._+~^-]*[0-9A-Za-z+])?$/;

function checker<Kind extends string>(kind: Kind, pattern: RegExp, longest: number) {
  return (text: string): Name<Kind> => {
    if (text.length > longest || !pattern.test(text) || text.includes('..')) {
      throw new Failure(
        'usage',
        `'${printable(text)}' is not the name of a ${kind}.`,
        'Letters, digits and . _ + ~ ^ - are allowed, and the first is a letter or a digit.',
      );
    }
    return text as Name<Kind>;
  };
}

/**
 * 80 bytes keep `openEuler/<VERSION_ID>/<arch>/<uname -r>.btf.tar.xz` below the 100 that a ustar
 * header's name field has behind bpf-compatible's `./btfhub-archive/`.
 */
export const asUname = checker('uname -r', /^\d[0-9A-Za-z._+~^-]*[0-9A-Za-z+]$/, 80);
export const asRelease = checker('release', WORD, 64);
export const asArch = checker('architecture', /^[a-z][0-9a-z_]*$/, 32);
export const asVersionId = checker('VERSION_ID', WORD, 32);
/** Stricter than git-check-ref-format(1): no spaces, nothing hidden, no empty part, no `.lock`. */
export const asBranch = checker(
  'branch',
  /^(?!.*(?:\/[./]|\.lock(?:\/|$)))[0-9A-Za-z](?:[0-9A-Za-z._/+-]*[0-9A-Za-z_+-])?$/,
  120,
);
export const asDistributionId = checker('distribution', WORD, 32);

/** Text from outside without what moves a cursor, ends a line or turns the direction of writing: `?` in its place. */
export function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, '?');
}

/** Text from outside, safe to print: without control characters, and at most 120 characters. */
export function printable(text: string): string {
  const clean = withoutControls(text);
  return clean.length > 120 ? `${clean.slice(0, 117)}...` : clean;
}

/**
 * An address as it may stand in messages, documents and logs: a user, a password and a query, which may hold a
 * secret, are left out. What is no URL stays as it is, but for `user:password@`.
 */
export function addressText(address: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(address)) return address;
  if (!URL.canParse(address)) return address.replace(/\/\/[^/]*@/, '//');
  const url = new URL(address);
  // With ssh the user is a part of the address, and the key is the secret.
  if (url.protocol !== 'ssh:') url.username = '';
  url.password = '';
  url.search = '';
  url.hash = '';
  return url.href;
}

/** Orders names with their numbers as numbers: `-60.9` comes before `-60.10`. */
export const { compare: compareNames } = new Intl.Collator('en', { numeric: true });
