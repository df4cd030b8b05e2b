import type { Definition } from './definition.ts';
import { type DefinitionLine, renderLines } from './render.ts';

/** A line of two versions of a definition, laid one over the other. */
export type LineDifference =
  /** `moved`: the same declaration at another offset or of another size. */
  | {
      readonly kind: 'same' | 'moved';
      readonly before: DefinitionLine;
      readonly after: DefinitionLine;
    }
  | { readonly kind: 'removed'; readonly before: DefinitionLine }
  | { readonly kind: 'added'; readonly after: DefinitionLine };

/**
 * What became of each line between two versions. Declarations count, not the offsets: one member more does not
 * make all that follow differ.
 */
export function compareLines(before: Definition, after: Definition): readonly LineDifference[] {
  return alignLines(renderLines(before), renderLines(after), keyOf).map((one) =>
    one.kind === 'same' && one.before.note !== one.after.note ? { ...one, kind: 'moved' } : one,
  );
}

/**
 * Lines that are the same by their keys, and between them those that were removed and added.
 * @param mostCells beyond so many cells of the table everything between the common ends counts as replaced
 */
export function alignLines(
  before: readonly DefinitionLine[],
  after: readonly DefinitionLine[],
  keyOf: (line: DefinitionLine) => string,
  mostCells = MOST_CELLS,
): readonly LineDifference[] {
  const differences: LineDifference[] = [];
  let [at, other] = [0, 0];
  const common = commonLines(before.map(keyOf), after.map(keyOf), mostCells);
  for (const [first, second] of [...common, END]) {
    for (const line of before.slice(at, first)) differences.push({ kind: 'removed', before: line });
    for (const line of after.slice(other, second)) differences.push({ kind: 'added', after: line });
    const [left, right] = [before[first], after[second]];
    if (left === undefined || right === undefined) break;
    differences.push({ kind: 'same', before: left, after: right });
    [at, other] = [first + 1, second + 1];
  }
  return differences;
}

const END = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const;

/** Remarks about the layout are compared by what they remark. */
function keyOf({ depth, code, note }: DefinitionLine): string {
  const text = code === '' ? note.replace(/\d.*/, '') : code;
  return `${depth} ${text.replace(/\s+/g, ' ')}`;
}

/** 100 MB. */
const MOST_CELLS = 25_000_000;

/** Pairs of indexes of a longest common subsequence, in ascending order. */
function commonLines(
  one: readonly string[],
  two: readonly string[],
  mostCells: number,
): readonly (readonly [number, number])[] {
  let start = 0;
  while (start < one.length && start < two.length && one[start] === two[start]) start++;
  let tail = 0;
  while (
    tail < one.length - start &&
    tail < two.length - start &&
    one[one.length - 1 - tail] === two[two.length - 1 - tail]
  ) {
    tail++;
  }
  const pairs: (readonly [number, number])[] = [];
  for (let at = 0; at < start; at++) pairs.push([at, at]);
  const [rows, columns] = [one.length - start - tail, two.length - start - tail];
  if (rows * columns <= mostCells) {
    const width = columns + 1;
    const lengths = new Uint32Array((rows + 1) * width);
    const lengthAt = (row: number, column: number) => lengths[row * width + column] ?? 0;
    const isCommon = (row: number, column: number) => one[start + row] === two[start + column];
    for (let row = rows - 1; row >= 0; row--) {
      for (let column = columns - 1; column >= 0; column--) {
        lengths[row * width + column] = isCommon(row, column)
          ? lengthAt(row + 1, column + 1) + 1
          : Math.max(lengthAt(row + 1, column), lengthAt(row, column + 1));
      }
    }
    for (let row = 0, column = 0; row < rows && column < columns; ) {
      if (isCommon(row, column)) pairs.push([start + row++, start + column++]);
      else if (lengthAt(row + 1, column) >= lengthAt(row, column + 1)) row++;
      else column++;
    }
  }
  for (let at = tail; at > 0; at--) pairs.push([one.length - at, two.length - at]);
  return pairs;
}
