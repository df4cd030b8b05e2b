import type { GenericSchema } from 'valibot';
import type { Command, OptionTable, Outcome, Values } from '../../src/commands/command.ts';
import { type Given, readOptions } from '../../src/commands/values.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { writeFiles } from '../archive/archive-files.ts';
import { programs } from '../btf/made.ts';
import { runCommand } from '../schemas.ts';
import { fastPlatform } from '../tree/platform.ts';

/** A platform with another kernel: everything else is real. */
export function hostWith(release: string, machine: string): Platform {
  return fastPlatform({
    env: {},
    programs: {
      ...programs,
      run: async (invocation) => {
        if (invocation.program !== 'uname') return programs.run(invocation);
        const stdout = Buffer.from(`${release} ${machine}\n`);
        return { status: 0, signal: null, stderr: '', stdout };
      },
    },
  });
}

/** The folder of a machine: its os-release as openEuler has it, and its kernels' modules. */
export function makeImage(folder: string, versionId: string, ...unames: string[]): string {
  writeFiles(folder, {
    'etc/os-release': `NAME="openEuler"\nVERSION="${versionId}"\nID="openEuler"\nVERSION_ID="${versionId}"\n`,
    ...Object.fromEntries(unames.map((uname) => [`lib/modules/${uname}/modules.dep`, ''])),
  });
  return folder;
}

/** Runs a command with options as they stand on the command line, and defaults for all others. */
export function run<Table extends OptionTable, Shape extends GenericSchema>(
  platform: Platform,
  command: Command<Table, Shape>,
  given: Readonly<Record<string, string | readonly string[] | true>>,
): Promise<Outcome<Shape>> {
  const words: Given = Object.fromEntries(
    Object.entries(given).map(([name, value]): [string, true | readonly string[]] => {
      if (value === true) return [name, true];
      return [name, typeof value === 'string' ? [value] : value];
    }),
  );
  const options = readOptions(command.options, words, {}) as Values<Table>;
  return runCommand(command, platform, options);
}
