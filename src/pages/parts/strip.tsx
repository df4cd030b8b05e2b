import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Kernel } from '../answers.ts';
import { usePage } from './context.ts';
import { moveFocus } from './move-focus.ts';
import { Columns } from './pieces.tsx';

/** How a kernel is drawn. `none` is a kernel without an answer, because it has no BTF. */
export type Tone =
  | 'good'
  | 'waiting'
  | 'bad'
  | 'embedded'
  | 'absent'
  | 'none'
  | `version-${0 | 1 | 2 | 3 | 4 | 5 | 6 | 7}`;

export interface Cell {
  readonly tone: Tone;
  /** Kernels next to each other with the same group are drawn as one bar. */
  readonly group: string;
  /** Short text in the bar, where there is room for it. */
  readonly mark: string;
  /** What the bar means, for a tooltip and for readers who do not see it. */
  readonly label: string;
  /** The state that the bar links to. */
  readonly href: string;
  readonly isSelected: boolean;
}

/** The kernels of one release and architecture, the newest first. */
export interface KernelLine {
  readonly release: string;
  readonly arch: string;
  readonly kernels: readonly Kernel[];
}

/** Releases from top to bottom, architectures side by side, a bar for each run of kernels with one answer. */
export function Strip(props: {
  readonly lines: readonly KernelLine[];
  readonly cellOf: (kernel: Kernel) => Cell;
  readonly label: string;
}) {
  const { texts } = usePage();
  const releases = [...new Set(props.lines.map(({ release }) => release))];
  const archs = [...new Set(props.lines.map(({ arch }) => arch))].sort(compareArchs);
  const longest = new Map(
    archs.map((arch) => {
      const lengths = props.lines.filter((line) => line.arch === arch).map((l) => l.kernels.length);
      return [arch, Math.max(...lengths)];
    }),
  );
  const inOrder = releases.flatMap((release) =>
    archs.flatMap((arch) => props.lines.filter((l) => l.release === release && l.arch === arch)),
  );
  const all = inOrder.flatMap(({ kernels }) => kernels);
  // The tab key stops at one of them; from there the arrow keys lead to the others.
  const stop = all.find((kernel) => props.cellOf(kernel).isSelected) ?? all[0];
  return (
    <table class="strip" onKeyDown={moveFocus}>
      <caption class="hidden">{props.label}</caption>
      <thead>
        <Columns names={[texts.release, ...archs]} />
      </thead>
      <tbody>
        {releases.map((release) => (
          <tr key={release}>
            <th scope="row">{release}</th>
            {archs.map((arch) => {
              const line = props.lines.find((one) => one.release === release && one.arch === arch);
              return (
                <td key={arch} data-arch={arch}>
                  {line && (
                    <Bars
                      kernels={line.kernels}
                      cellOf={props.cellOf}
                      stop={stop}
                      longest={longest.get(arch) ?? 1}
                    />
                  )}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const HEIGHT = 20;
const WIDEST_CELL = 22;
const GAP = 1.5;
/** Width of one character of a mark. */
const CHARACTER = 6.2;

function Bars(props: {
  readonly kernels: readonly Kernel[];
  readonly cellOf: (kernel: Kernel) => Cell;
  readonly stop: Kernel | undefined;
  readonly longest: number;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState(0);
  useLayoutEffect(() => {
    const element = holder.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setRoom(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const width = Math.min(WIDEST_CELL, room / props.longest);
  const bars = barsOf(props.kernels.map(props.cellOf));
  const stop = props.stop === undefined ? -1 : props.kernels.indexOf(props.stop);
  return (
    <div ref={holder} class="bars">
      {room > 0 && (
        <svg width={width * props.kernels.length} height={HEIGHT} role="presentation">
          {bars.map(({ cell, first, count }) => {
            const inner = Math.max(1, width * count - GAP);
            return (
              <a
                key={first}
                href={cell.href}
                class={`bar ${cell.tone}`}
                aria-label={cell.label}
                aria-current={cell.isSelected ? 'true' : undefined}
                tabIndex={first <= stop && stop < first + count ? 0 : -1}
              >
                <title>{cell.label}</title>
                <rect x={first * width} y={2} width={inner} height={HEIGHT - 4} rx={2} />
                {cell.tone === 'bad' && inner >= 7 && count === 1 && cell.mark === '' && (
                  <path
                    class="cross"
                    d={cross(first * width + inner / 2, HEIGHT / 2, Math.min(3.5, inner / 3))}
                  />
                )}
              </a>
            );
          })}
          {/* Beside the links: the links have longer names. */}
          {bars.map(({ cell, first, count }) => {
            const inner = width * count - GAP;
            const isShown = cell.mark !== '' && inner > cell.mark.length * CHARACTER + 3;
            return (
              isShown && (
                <text key={first} x={first * width + inner / 2} y={HEIGHT / 2 + 3.8}>
                  {cell.mark}
                </text>
              )
            );
          })}
        </svg>
      )}
    </div>
  );
}

interface Bar {
  readonly cell: Cell;
  readonly first: number;
  readonly count: number;
}

function barsOf(cells: readonly Cell[]): readonly Bar[] {
  const bars: { cell: Cell; first: number; count: number }[] = [];
  for (const [index, cell] of cells.entries()) {
    const last = bars.at(-1);
    if (last !== undefined && last.cell.group === cell.group) last.count++;
    else bars.push({ cell, first: index, count: 1 });
  }
  return bars;
}

function cross(x: number, y: number, half: number): string {
  return `M${x - half} ${y - half}L${x + half} ${y + half}M${x + half} ${y - half}L${x - half} ${y + half}`;
}

/** The most used first. */
function compareArchs(one: string, two: string): number {
  const rank = (arch: string) => ['x86_64', 'aarch64'].indexOf(arch) + 1 || 9;
  return rank(one) - rank(two) || one.localeCompare(two);
}
