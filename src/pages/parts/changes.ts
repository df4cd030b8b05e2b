export interface Change<Value> {
  readonly kind: 'same' | 'added' | 'removed';
  readonly value: Value;
}

/** Above this many pairs of lines the parts that differ count as replaced as a whole. */
const MOST_PAIRS = 4_000_000;

/** The values of `after` in their order, with those that went at their places: the longest common subsequence. */
export function changesBetween<Value>(
  before: readonly Value[],
  after: readonly Value[],
  textOf: (value: Value) => string,
): readonly Change<Value>[] {
  const [old, own] = [before.map(textOf), after.map(textOf)];
  let start = 0;
  while (start < old.length && start < own.length && old[start] === own[start]) start++;
  let end = 0;
  const most = Math.min(old.length, own.length) - start;
  while (end < most && old.at(-1 - end) === own.at(-1 - end)) end++;
  const same = (values: readonly Value[]) =>
    values.map((value): Change<Value> => ({ kind: 'same', value }));
  return [
    ...same(after.slice(0, start)),
    ...middle(
      before.slice(start, before.length - end),
      after.slice(start, after.length - end),
      textOf,
    ),
    ...same(after.slice(after.length - end)),
  ];
}

function middle<Value>(
  before: readonly Value[],
  after: readonly Value[],
  textOf: (value: Value) => string,
): readonly Change<Value>[] {
  const [rows, columns] = [before.length, after.length];
  if (rows * columns > MOST_PAIRS) {
    return [
      ...before.map((value): Change<Value> => ({ kind: 'removed', value })),
      ...after.map((value): Change<Value> => ({ kind: 'added', value })),
    ];
  }
  const [old, own] = [before.map(textOf), after.map(textOf)];
  // Length of the longest common subsequence of what follows each pair.
  const lengths = new Uint32Array((rows + 1) * (columns + 1));
  const at = (row: number, column: number) => row * (columns + 1) + column;
  for (let row = rows - 1; row >= 0; row--) {
    for (let column = columns - 1; column >= 0; column--) {
      lengths[at(row, column)] =
        old[row] === own[column]
          ? (lengths[at(row + 1, column + 1)] as number) + 1
          : Math.max(
              lengths[at(row + 1, column)] as number,
              lengths[at(row, column + 1)] as number,
            );
    }
  }
  const changes: Change<Value>[] = [];
  let [row, column] = [0, 0];
  while (row < rows || column < columns) {
    const isSame = row < rows && column < columns && old[row] === own[column];
    const down = row < rows ? (lengths[at(row + 1, column)] as number) : -1;
    const right = column < columns ? (lengths[at(row, column + 1)] as number) : -1;
    if (isSame) {
      changes.push({ kind: 'same', value: after[column] as Value });
      row++;
      column++;
    } else if (down >= right) changes.push({ kind: 'removed', value: before[row++] as Value });
    else changes.push({ kind: 'added', value: after[column++] as Value });
  }
  return changes;
}
