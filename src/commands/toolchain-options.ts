import type { ToolRequest } from '../toolchain/prepare.ts';
import { parseSource } from '../toolchain/sources.ts';
import { flag, list, text, type Values } from './command.ts';

/** The options of the commands that need pahole and xz. */
export const toolchainOptions = {
  pahole: text(
    '<auto|system|version|path>',
    "which pahole to use: 'auto' (1.31, else the system's), 'system', an exact version, or a path",
    { default: 'auto' },
  ),
  xz: text(
    '<auto|system|version|path>',
    "which xz to use: 'auto' (5.8 or newer, else the system's), 'system', an exact version, or a path",
    { default: 'auto' },
  ),
  toolCache: text(
    '<folder>',
    "folder for built tools; by default RUNNER_TOOL_CACHE, else btfhub/tools in the user's cache folder",
  ),
  toolSource: list(
    '<name=source>',
    'source of dwarves, libbpf or xz that is tried before the public ones: a git URL, or <tarball>@sha256:<sum>',
    { separator: 'lines' },
  ),
  installDependencies: flag('install missing tools and the packages to build them with apt or dnf'),
  verbose: flag('print each step of building a tool, and each source that does not deliver'),
};

/** The options as `prepareToolchain` takes them. Throws `usage`. */
export function toToolRequest(options: Values<typeof toolchainOptions>): ToolRequest {
  return {
    pahole: options.pahole,
    xz: options.xz,
    cacheFolder: options.toolCache,
    sources: options.toolSource.map(parseSource),
    allowInstall: options.installDependencies,
    verbose: options.verbose,
  };
}
