/**
 * The arrow keys move from bar to bar of a strip, Home and End to the first and last of a line: one stop of the
 * tab key for hundreds of kernels.
 */
export function moveFocus(event: KeyboardEvent): void {
  const bar = (event.target as Element).closest('.bar');
  const lines = [...(event.currentTarget as Element).querySelectorAll('.bars')].filter((one) =>
    one.querySelector('.bar'),
  );
  const line = bar?.closest('.bars');
  if (!bar || !line) return;
  const target = neighbour(event.key, bar, lines, lines.indexOf(line));
  if (target === undefined) return;
  event.preventDefault();
  (target as SVGElement).focus();
}

function neighbour(
  key: string,
  bar: Element,
  lines: readonly Element[],
  line: number,
): Element | undefined {
  const own = barsOf(lines[line]);
  const index = own.indexOf(bar);
  switch (key) {
    case 'ArrowLeft':
      return own[index - 1] ?? barsOf(lines[line - 1]).at(-1);
    case 'ArrowRight':
      return own[index + 1] ?? barsOf(lines[line + 1])[0];
    case 'ArrowUp':
      return nearest(barsOf(lines[line - 1]), bar);
    case 'ArrowDown':
      return nearest(barsOf(lines[line + 1]), bar);
    case 'Home':
      return own[0];
    case 'End':
      return own.at(-1);
    default:
      return undefined;
  }
}

function barsOf(line: Element | undefined): readonly Element[] {
  return [...(line?.querySelectorAll('.bar') ?? [])];
}

function nearest(bars: readonly Element[], bar: Element): Element | undefined {
  const from = bar.getBoundingClientRect().left;
  const distance = (one: Element) => Math.abs(one.getBoundingClientRect().left - from);
  return bars.toSorted((one, two) => distance(one) - distance(two))[0];
}
