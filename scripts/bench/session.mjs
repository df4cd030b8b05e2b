// What every benchmark begins with.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder for files of this run, which is removed at its end. */
export function workFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'btfhub-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  return folder;
}

/** The value of `--rounds`. Throws Error unless it is a whole number, 1 or more. */
export function roundsOf(value) {
  const rounds = Number(value);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a number, 1 or more');
  return rounds;
}

export const say = (text) => process.stderr.write(`${text}\n`);
