/** How many items are at work now, this one included, and how many nobody has begun. */
export interface Traffic {
  readonly working: number;
  readonly waiting: number;
}

/**
 * Works on the items in order, so many at once; a lane that is free takes the next at once. Results
 * come in the order of the items. `work` is not to reject: what goes wrong with one item is its
 * result. After an abort no further item is begun, and those that were not have no result.
 */
export async function inLanes<Item, Result>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item, traffic: () => Traffic) => Promise<Result>,
  signal: AbortSignal,
): Promise<readonly (Result | undefined)[]> {
  const results: (Result | undefined)[] = items.map(() => undefined);
  let next = 0;
  let working = 0;
  const traffic = () => ({ working, waiting: items.length - next });
  const lane = async () => {
    while (next < items.length && !signal.aborted) {
      const index = next;
      next += 1;
      working += 1;
      results[index] = await work(items[index] as Item, traffic);
      working -= 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}

/**
 * How many of the cores a pahole gets that is about to start: its share; and twice as many when nobody waits, for
 * then each lane that ends leaves its core to the others, and pahole takes no more than it began with.
 */
export function coresFor({ working, waiting }: Traffic, cores: number): number {
  const shares = waiting === 0 ? 2 : 1;
  return Math.min(cores, Math.max(1, Math.floor((shares * cores) / working)));
}
