import { list, type OptionSpec } from './command.ts';

/** Names that Go, Docker and Debian use -> the names of RPM and `uname -m`. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['amd64', 'x86_64'],
  ['x64', 'x86_64'],
  ['arm64', 'aarch64'],
  ['loong64', 'loongarch64'],
]);

const words = list('<arch>', "architecture, for example 'x86_64' or 'aarch64'; a glob, or 'all'", {
  default: ['all'],
});

/** `--arch` of every command that has it: `amd64` and `arm64` stand for `x86_64` and `aarch64`. */
export const archOption: OptionSpec<readonly string[]> = {
  ...words,
  parse: (given) => words.parse(given).map((word) => ALIASES.get(word) ?? word),
};
