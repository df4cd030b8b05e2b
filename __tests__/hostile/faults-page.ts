import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'faults.md');

/** Replaces a section of docs/faults.md, and leaves the others as they are. */
export function writeSection(title: string, lines: readonly string[]): void {
  const [front = '', ...sections] = readFileSync(PAGE, 'utf8').split(/^(?=## )/m);
  const written = `## ${title}\n\n${lines.join('\n')}\n`;
  const index = sections.findIndex((section) => section.startsWith(`## ${title}\n`));
  if (index < 0) sections.push(written);
  else sections[index] = written;
  const text = [front, ...sections].map((part) => part.trimEnd()).join('\n\n');
  writeFileSync(PAGE, `${text}\n`);
}
