import type { Command } from './command.ts';
import { setupCommand } from './setup.ts';
import { verifyCommand } from './verify.ts';

/** Every command, in the order of the help: the order in which the data flows. */
export const COMMANDS: readonly Command[] = [setupCommand, verifyCommand];
