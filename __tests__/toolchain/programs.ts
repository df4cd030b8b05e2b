import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const folders: string[] = [];

/** A folder that is gone when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'btfhub-toolchain-'));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A program that stands in for another: `answers` is the first argument -> what it prints. */
export function program(path: string, answers: Readonly<Record<string, string>>): string {
  const cases = Object.entries(answers).map(
    ([argument, text]) => `'${argument}') printf '%s\\n' '${text}' ;;`,
  );
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `#!/bin/sh\ncase "$1" in\n${cases.join('\n')}\n*) echo "unrecognized option '$1'" >&2; exit 64 ;;\nesac\n`,
  );
  chmodSync(path, 0o755);
  return path;
}
