import type { ExplorerPlace } from '../jobs/site/explorer.ts';
import { archiveOption, archiveSelection } from './archive-options.ts';
import { text, type Values } from './command.ts';

/** Where the commands that look into kernels find them. */
export const explorerOptions = {
  site: text(
    '<folder>',
    "site of 'btfhub site' to read from, in place of the archive: answers at once, whatever the number of kernels",
  ),
  archive: archiveOption,
} as const;

export const explorerSelection = archiveSelection;

export function toPlace({ site, archive }: Values<typeof explorerOptions>): ExplorerPlace {
  return site === undefined ? { kind: 'archive', archive } : { kind: 'site', folder: site };
}
