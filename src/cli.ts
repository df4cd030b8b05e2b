import { Command as Commander, CommanderError, Option } from 'commander';
import { COMMANDS } from './commands/all.ts';
import type { Command, Outcome } from './commands/command.ts';
import { type Given, kebab, readOptions } from './commands/values.ts';
import { undiciHttp } from './download/http.ts';
import { asFailure, Failure } from './failure.ts';
import { systemClock } from './platform/clock.ts';
import { keepHeapSmall } from './platform/heap.ts';
import type { Platform } from './platform/platform.ts';
import { systemPrograms } from './platform/programs.ts';
import {
  addGithubNamesOfAtomGit,
  annotate,
  findHost,
  writeOutputs,
  writeSummary,
} from './report/host.ts';

declare const __VERSION__: string;

keepHeapSmall();
addGithubNamesOfAtomGit(process.env);
const host = findHost(process.env);
const interruption = new AbortController();
const platform: Platform = {
  env: process.env,
  clock: systemClock,
  http: undiciHttp(process.env, { version: __VERSION__ }),
  programs: systemPrograms(process.env),
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted: interruption.signal,
};

// The first signal aborts the work, which then cleans up; a second signal ends the process at once.
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

function toCommander(command: Command): Commander {
  const commander = new Commander(command.name)
    .summary(command.summary)
    .description(command.description)
    .option(
      '--json',
      'print one JSON document on standard output, and everything else on standard error',
    );
  if (command.operands) commander.argument(command.operands.shape, command.operands.description);
  for (const [name, spec] of Object.entries(command.options)) {
    const placeholder = spec.placeholder ? ` ${spec.placeholder}` : '';
    const notes = [
      spec.separator === undefined ? '' : 'repeatable',
      spec.shownDefault === undefined ? '' : `default: ${spec.shownDefault}`,
    ].filter(Boolean);
    const help = notes.length > 0 ? `${spec.description} (${notes.join('; ')})` : spec.description;
    const option = new Option(`--${kebab(name)}${placeholder}`, help);
    option.negate = false; // `--no-pull-request` is an option of its own, not the negation of another.
    option.argParser((word: string, before: string[] | undefined) => [...(before ?? []), word]);
    commander.addOption(option);
  }
  const examples = command.examples.map((line) => `  ${line}\n`).join('');
  return commander
    .addHelpText('after', examples === '' ? '' : `\nExamples:\n${examples}`)
    .action(async (...received: unknown[]) => {
      const given = commander.opts<Given>();
      const operands = command.operands
        ? [received[0]].flat().filter((one) => one !== undefined)
        : [];
      await execute(command, given, operands as string[]);
    });
}

async function execute(command: Command, given: Given, operands: string[]): Promise<void> {
  const json = given.json === true;
  try {
    const values = readOptions(command.options, given, platform.env);
    const outcome = await command.run(platform, values, operands);
    reportToHost(outcome);
    platform.stdout.write(json ? `${JSON.stringify(outcome.document, null, 2)}\n` : outcome.text);
    process.exitCode ??= outcome.status;
  } catch (thrown) {
    const failure = interruption.signal.aborted
      ? (interruption.signal.reason as Failure)
      : asFailure(thrown);
    if (json) platform.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
    printFailure(failure);
    process.exitCode ??= 2;
  }
}

function reportToHost({ outputs, summary, failures }: Outcome): void {
  for (const name of outputs ? writeOutputs(host, platform.env, outputs) : []) {
    platform.stderr.write(`The output '${name}' is larger than the host allows and is not set.\n`);
  }
  if (summary) writeSummary(host, platform.env, summary);
  if (failures) annotate(host, platform.stderr, failures);
}

function printFailure(failure: Failure): void {
  const advice = failure.advice ? ` ${failure.advice}` : '';
  if (host.isActions) {
    annotate(host, platform.stderr, [{ title: 'btfhub', message: `${failure.message}${advice}` }]);
  } else {
    platform.stderr.write(`btfhub: ${failure.message}${advice}\n`);
  }
  if (failure.reason === 'internal' && failure.cause instanceof Error) {
    platform.stderr.write(`${failure.cause.stack}\n`);
  }
}

const program = new Commander('btfhub')
  .description(
    'Builds, checks, archives and installs BTF for every kernel that openEuler publishes.',
  )
  .version(__VERSION__)
  .addHelpText(
    'after',
    '\nEach option can also be set in the environment: --trust-key as BTFHUB_TRUST_KEY. The command line has priority.',
  )
  .exitOverride();
for (const command of COMMANDS) program.addCommand(toCommander(command).exitOverride());

program.parseAsync(process.argv).catch((error: unknown) => {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const failure = new Failure('usage', error.message.replace(/^error: /, ''));
    platform.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
  }
  process.exitCode = error.exitCode === 0 ? 0 : 2;
});
