import type { Command } from './command.ts';
import { setup } from './setup.ts';
import { verify } from './verify.ts';

/** Every command, in the order of the help: the order in which the data flows. */
export const COMMANDS: readonly Command[] = [setup, verify];
