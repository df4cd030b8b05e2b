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
