import { distance } from 'fastest-levenshtein';
import { Failure } from '../failure.ts';

/** As many values as a message lists. */
const MOST_LISTED = 12;

/** A `not-found` for a value of an option that matches nothing; names the option and the nearest values there are. */
export function noMatch(option: string, word: string, existing: Iterable<string>): Failure {
  return new Failure(
    'not-found',
    `${option} ${word} matches nothing.`,
    suggestion(word, [...new Set(existing)]),
  );
}

function suggestion(word: string, existing: readonly string[]): string {
  if (existing.length === 0) return 'There is nothing to choose from.';
  if (existing.length <= MOST_LISTED) return `There are: ${existing.toSorted().join(', ')}.`;
  const plain = word.replace(/[*?[\]]/g, '');
  const byDistance = existing
    .map((value) => ({ value, away: distance(plain, value) }))
    .sort((one, two) => one.away - two.away);
  const nearest = byDistance.slice(0, 5).map(({ value }) => value);
  return `Nearest of ${existing.length}: ${nearest.join(', ')}.`;
}
