import { Command as Commander, CommanderError, Option } from 'commander';
import { COMMANDS } from './commands/all.ts';
import type { Command } from './commands/command.ts';
import { undiciHttp } from './download/http.ts';
import { asFailure, Failure } from './failure.ts';
import { systemClock } from './world/clock.ts';
import { systemPrograms } from './world/programs.ts';
import type { World } from './world/world.ts';

declare const __VERSION__: string;

const interruption = new AbortController();
const world: World = {
  env: process.env,
  clock: systemClock,
  http: undiciHttp(process.env),
  programs: systemPrograms(process.env),
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted: interruption.signal,
};

// The first signal asks everything to end and tidy up; a second one ends at once.
for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    if (interruption.signal.aborted) process.exit(status);
    process.exitCode = status;
    interruption.abort(new Failure('interrupted', `Stopped by ${signal}.`));
  });
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function toCommander(command: Command): Commander {
  const commander = new Commander(command.name)
    .summary(command.summary)
    .description(command.description)
    .option(
      '--json',
      'print one JSON document on standard output, everything else on standard error',
    );
  if (command.operands) commander.argument(command.operands.shape, command.operands.description);
  for (const [name, spec] of Object.entries(command.options)) {
    const placeholder = spec.placeholder ? ` ${spec.placeholder}` : '';
    const notes = [
      spec.repeatable ? 'repeatable' : '',
      spec.shownDefault === undefined ? '' : `default: ${spec.shownDefault}`,
    ].filter(Boolean);
    const help = notes.length > 0 ? `${spec.description} (${notes.join('; ')})` : spec.description;
    const option = new Option(`--${kebab(name)}${placeholder}`, help);
    option.argParser((word: string, before: string[] | undefined) => [...(before ?? []), word]);
    if (spec.required) option.makeOptionMandatory();
    commander.addOption(option);
  }
  const examples = command.examples.map((line) => `  ${line}\n`).join('');
  return commander
    .addHelpText('after', examples === '' ? '' : `\nExamples:\n${examples}`)
    .action(async (...received: unknown[]) => {
      const given = commander.opts<Record<string, string[] | true | undefined>>();
      const operands = command.operands
        ? [received[0]].flat().filter((one) => one !== undefined)
        : [];
      await execute(command, given, operands as string[]);
    });
}

async function execute(
  command: Command,
  given: Record<string, string[] | true | undefined>,
  operands: string[],
): Promise<void> {
  const json = given.json === true;
  try {
    const values = Object.fromEntries(
      Object.entries(command.options).map(([name, spec]) => {
        const words = given[name] === true ? [''] : (given[name] ?? []);
        try {
          return [name, spec.parse(words as string[])];
        } catch (error) {
          throw new Failure('usage', `--${kebab(name)}: ${(error as Error).message}`);
        }
      }),
    );
    const outcome = await command.run(world, values, operands);
    world.stdout.write(json ? `${JSON.stringify(outcome.document, null, 2)}\n` : outcome.text);
    process.exitCode ??= outcome.status;
  } catch (thrown) {
    const failure = interruption.signal.aborted
      ? (interruption.signal.reason as Failure)
      : asFailure(thrown);
    if (json) world.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
    complain(failure);
    process.exitCode ??= 2;
  }
}

function complain(failure: Failure): void {
  const advice = failure.advice ? ` ${failure.advice}` : '';
  world.stderr.write(`btfhub: ${failure.message}${advice}\n`);
  if (failure.reason === 'internal' && failure.cause instanceof Error) {
    world.stderr.write(`${failure.cause.stack}\n`);
  }
}

const program = new Commander('btfhub')
  .description(
    'BTF for every kernel openEuler publishes: found, made, checked, archived, delivered.',
  )
  .version(__VERSION__)
  .exitOverride();
for (const command of COMMANDS) program.addCommand(toCommander(command).exitOverride());

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
