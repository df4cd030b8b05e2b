import type { Command } from './command.ts';

/** Every command, in the order of the help: the order in which the data flows. */
export const COMMANDS: readonly Command[] = [];
