import type { History } from './history.ts';
import type { Mirror, MirrorPool } from './mirrors.ts';

/** A file is fetched at most so often before its bytes are believed to be wrong everywhere. */
const FETCHES = 3;

/**
 * After fetches that brought wrong bytes: which mirrors the next one is to leave out, or undefined when there
 * is no use in another.
 *
 * First all that served are left out. Where nobody else is left, a single mirror gets a chance to bring the
 * whole file: the quickest of those that did not fail alone already. If its bytes are right, `guilty` names
 * who was wrong; if they are not, it was wrong itself, or all are.
 */
export function nextToAvoid(
  pool: MirrorPool,
  wrong: readonly History[],
): ReadonlySet<Mirror> | undefined {
  if (wrong.length === 0) return new Set();
  if (wrong.length >= FETCHES) return undefined;
  const honest = pool.mirrors.filter(({ health }) => health.kind !== 'banned');
  const served = new Set(wrong.flatMap(({ mirrors }) => [...mirrors]));
  if (honest.some((mirror) => !served.has(mirror))) return served;
  const alone = new Set(wrong.flatMap(({ mirrors }) => (mirrors.size === 1 ? [...mirrors] : [])));
  // The only mirror there is gets a second chance: the bytes may have changed on the way.
  const candidates =
    honest.length === 1 && wrong.length === 1 ? honest : honest.filter((one) => !alone.has(one));
  const [best] = candidates.toSorted(
    (one, other) => (pool.rate(other) ?? 0) - (pool.rate(one) ?? 0),
  );
  if (best === undefined) return undefined;
  return new Set(pool.mirrors.filter((mirror) => mirror !== best));
}

/** Where the fetches of a file differ and who served what there, in words; undefined when they agree. */
export function describeDisagreement(fetches: readonly History[]): string | undefined {
  const last = fetches.at(-1);
  const [one] = fetches.flatMap((earlier) => last?.differences(earlier) ?? []);
  if (one === undefined) return undefined;
  const { mirror, start, end } = one.block;
  const now = [...one.now].map(({ base }) => base).join(' and ');
  return `${mirror.base} and ${now} have different bytes from ${start} to ${end - 1}`;
}
