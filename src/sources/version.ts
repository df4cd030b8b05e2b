/** Epoch, version and release of a package, as its metadata has them. */
export interface Evr {
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
}

/** Below 0, 0 or above 0, as epoch, then version, then release are older, equal or newer. */
export function compareEvr(one: Evr, two: Evr): number {
  return (
    one.epoch - two.epoch ||
    rpmvercmp(one.version, two.version) ||
    rpmvercmp(one.release, two.release)
  );
}

const SEPARATORS = /^[^0-9A-Za-z~^]+/;
const DIGITS = /^[0-9]+/;
const LETTERS = /^[A-Za-z]*/;

/**
 * rpm's order of two version strings: -1, 0 or 1 (rpmio/rpmvercmp.c of rpm 4.15 and newer).
 * Runs of digits compare as numbers, runs of letters as text, digits are newer than letters;
 * `~` is older than the end of the string, `^` is newer than the end and older than all else.
 */
export function rpmvercmp(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  let one = a;
  let two = b;
  while (one !== '' || two !== '') {
    one = one.replace(SEPARATORS, '');
    two = two.replace(SEPARATORS, '');
    const marked = compareMarks(one, two);
    if (marked === 'both') {
      one = one.slice(1);
      two = two.slice(1);
      continue;
    }
    if (marked !== undefined) return marked;
    if (one === '' || two === '') break;
    const digits = DIGITS.exec(one);
    const run = digits ? DIGITS : LETTERS;
    const left = run.exec(one)?.[0] ?? '';
    const right = run.exec(two)?.[0] ?? '';
    if (right === '') return digits ? 1 : -1;
    const order = digits ? compareNumbers(left, right) : compareText(left, right);
    if (order !== 0) return order;
    one = one.slice(left.length);
    two = two.slice(right.length);
  }
  if (one === two) return 0;
  return one !== '' ? 1 : -1;
}

/** The order that `~` and `^` decide, `both` where both strings have the same one, undefined where there is none. */
function compareMarks(one: string, two: string): -1 | 1 | 'both' | undefined {
  if (one[0] === '~' || two[0] === '~') {
    if (one[0] !== '~') return 1;
    return two[0] === '~' ? 'both' : -1;
  }
  if (one[0] === '^' || two[0] === '^') {
    if (one === '') return -1;
    if (two === '') return 1;
    if (one[0] !== '^') return 1;
    return two[0] === '^' ? 'both' : -1;
  }
  return undefined;
}

/** Numbers of any length: leading zeros do not count, then the longer one is greater. */
function compareNumbers(left: string, right: string): -1 | 0 | 1 {
  const one = left.replace(/^0+/, '');
  const two = right.replace(/^0+/, '');
  if (one.length !== two.length) return one.length > two.length ? 1 : -1;
  return compareText(one, two);
}

function compareText(one: string, two: string): -1 | 0 | 1 {
  if (one === two) return 0;
  return one > two ? 1 : -1;
}
