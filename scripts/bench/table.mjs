// Numbers as people read them, and the tables of docs/benchmark.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, totalmem } from 'node:os';

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of every number in a list of equal records. */
export function medians(records) {
  const names = Object.keys(records[0]).filter((name) => typeof records[0][name] === 'number');
  return Object.fromEntries(names.map((name) => [name, median(records.map((one) => one[name]))]));
}

export const seconds = (value) => `${value.toFixed(1)} s`;
export const ratio = (value) => `${value.toFixed(2)}×`;

export function bytes(value) {
  if (value === 0) return '–';
  return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB` : `${Math.round(value / 1e6)} MB`;
}

/** What it ran on, without any name of it. */
export function machine() {
  const os = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const model = cpus()[0]?.model.trim() || arch();
  return `${cpus().length} cores (${model}), ${memory}, ${os}, Node ${process.versions.node}`;
}

export function markdown(columns, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(columns), line(rule), ...rows.map(line)].join('\n');
}

/** Puts the text between the markers of one part in a Markdown file. */
export function writeBetween(file, part, text) {
  const [begin, end] = [`<!-- bench: ${part} -->`, `<!-- /bench: ${part} -->`];
  const old = readFileSync(file, 'utf8');
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no ${begin} ... ${end}`);
  writeFileSync(file, `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`);
}
