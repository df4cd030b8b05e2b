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

/**
 * An xz that writes no more than a part of its output as the built one does, which takes minutes to make:
 * the machine's own, cut.
 */
export const XZ_WITH_PARTS = `#!/bin/bash
set -o pipefail
[ "$1" != --version ] || exec xz --version
part=\${XZ_OUTPUT_PART:-0+9000000000000000000}
unset XZ_OUTPUT_PART
xz "$@" | tail -c +$((\${part%+*} + 1)) | { head -c "\${part#*+}" && cat >/dev/null; }
`;

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
