export interface Column {
  readonly title: string;
  /** Numbers and sizes are aligned right. */
  readonly align?: 'left' | 'right';
}

/** A table for a terminal or a log: columns two spaces apart, no trailing spaces, a newline at the end. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const all = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => row[index]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    columns
      .map(({ align }, index) => {
        const width = widths[index] ?? 0;
        const cell = row[index] ?? '';
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return all.map((row) => `${line(row)}\n`).join('');
}

/** The same as Markdown, for a step summary or a pull request; cells are escaped. */
export function markdownTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
    ...rows.map((row) => line(columns.map((_, index) => escapeMarkdown(row[index] ?? '')))),
  ].join('');
}

/** Text that means nothing to Markdown or HTML, on one line: for cells, lists and `<summary>`. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/[\\|`*[\]]/g, (sign) => `\\${sign}`);
}
