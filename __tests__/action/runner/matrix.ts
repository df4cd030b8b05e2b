import type { Plain, Table } from './expressions.ts';

/** The combinations of a matrix with its `include` and `exclude`, by GitHub's rules. */
export function expandMatrix(matrix: Table): Table[] {
  const { include = [], exclude = [], ...vectors } = matrix;
  for (const [name, values] of Object.entries({ include, exclude, ...vectors })) {
    const mayBeEmpty = name === 'exclude' || !(name in matrix);
    if (!Array.isArray(values) || (values.length === 0 && !mayBeEmpty)) {
      throw new Error(`Matrix vector '${name}' does not contain any values.`);
    }
  }
  const axes = Object.entries(vectors) as [string, Plain[]][];
  let combinations: Table[] = axes.length > 0 ? [{}] : [];
  for (const [name, values] of axes) {
    combinations = combinations.flatMap((one) =>
      values.map((value) => ({ ...one, [name]: value })),
    );
  }
  combinations = combinations.filter(
    (one) => !(exclude as Table[]).some((other) => agrees(one, other, Object.keys(other))),
  );
  const original = combinations.map((one) => ({ ...one }));
  for (const extra of include as Table[]) {
    const shared = Object.keys(extra).filter((name) => name in vectors);
    const fitting = original.flatMap((one, index) => (agrees(one, extra, shared) ? [index] : []));
    if (fitting.length === 0) combinations.push({ ...extra });
    for (const index of fitting) Object.assign(combinations[index] ?? {}, extra);
  }
  if (combinations.length > 256) throw new Error('A matrix has at most 256 jobs.');
  return combinations;
}

function agrees(one: Table, other: Table, names: readonly string[]): boolean {
  return names.every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}
