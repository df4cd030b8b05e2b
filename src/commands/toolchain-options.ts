import type { Wishes } from '../toolchain/prepare.ts';
import { parseSource } from '../toolchain/sources.ts';
import { flag, list, text, type Values } from './command.ts';

/** The options of every command that needs the tools. */
export const toolchainOptions = {
  pahole: text(
    '<auto|system|version|path>',
    "which pahole: 1.31 where it can be had else the machine's (auto), the machine's, that version or none, or a file",
    { default: 'auto' },
  ),
  xz: text(
    '<auto|system|version|path>',
    "which xz decodes: 5.8 or newer where it can be had else the machine's (auto), the machine's, that version or none, or a file",
    { default: 'auto' },
  ),
  toolCache: text(
    '<folder>',
    "where built tools are kept; default: RUNNER_TOOL_CACHE, else btfhub/tools in the user's cache folder",
  ),
  toolSource: list(
    '<name=source>',
    'where the source of dwarves, libbpf or xz is had before the public homes: a git URL, or <tarball>@sha256:<sum>',
  ),
  installDependencies: flag(
    'install by apt or dnf what is missing to build a tool, or the tool itself',
  ),
};

/** What the options ask of `prepareToolchain`. Throws `usage`. */
export function wishesOf(options: Values<typeof toolchainOptions>): Wishes {
  return {
    pahole: options.pahole,
    xz: options.xz,
    cacheFolder: options.toolCache,
    sources: options.toolSource.map(parseSource),
    allowInstall: options.installDependencies,
  };
}
