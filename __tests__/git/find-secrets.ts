import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The command lines of every git that runs now, as every user of the machine can read them. */
export function gitCommandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return []; // It has ended since.
      }
    })
    .filter((line) => /(^|[/ ])git/.test(line));
}

/** The files below a folder that hold any of these texts. */
export function filesWith(folder: string, texts: readonly string[]): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const bytes = readFileSync(path);
      return texts.some((text) => bytes.includes(text));
    });
}

/** A token as it may stand somewhere: bare, in a URL, in Basic auth of any user. */
export function encodingsOf(token: string): string[] {
  // Three alignments: what stands before it shifts how base64 writes it.
  const encoded = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${'x'.repeat(shift)}${token}`).toString('base64');
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  return [token, encodeURIComponent(token), ...encoded];
}
