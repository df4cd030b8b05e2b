import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Command as Commander, CommanderError, Option } from 'commander';
import { COMMANDS } from './commands/all.ts';
import { type Command, globalOptions, hasReportFile, type Outcome } from './commands/command.ts';
import { TOPICS } from './commands/topics.ts';
import { type Given, kebab, readOptions } from './commands/values.ts';
import { undiciHttp } from './download/http.ts';
import { asFailure, describe, Failure } from './failure.ts';
import { systemClock } from './platform/clock.ts';
import type { Platform } from './platform/platform.ts';
import { systemPrograms } from './platform/programs.ts';
import { addGithubNamesOfAtomGit, findHost, writeOutputs, writeSummary } from './report/host.ts';
import { toolkitLog, withoutCommands } from './report/workflow.ts';
import { noMatch } from './sources/nearest.ts';

declare const __VERSION__: string;

addGithubNamesOfAtomGit(process.env);
const host = findHost(process.env);
const interruption = new AbortController();
// Each running request and program listens to it: Node's warning about a leak at 11 listeners is wrong here.
setMaxListeners(0, interruption.signal);
const platform: Platform = {
  env: process.env,
  clock: systemClock,
  http: undiciHttp(process.env, { version: __VERSION__ }),
  programs: systemPrograms(process.env),
  stdout: process.stdout,
  stderr: process.stderr,
  workflow: host.isActions ? toolkitLog : undefined,
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

// The reader of a pipe is gone (`btfhub ... | head`): end as a shell reports a program that SIGPIPE ends, without
// a message. Node ignores the signal, and reports the error EPIPE instead.
const SIGPIPE_STATUS = 141;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exitCode = SIGPIPE_STATUS;
    interruption.abort(new Failure('interrupted', 'Stopped, because the output is closed.'));
  });
}

function toCommander(command: Command): Commander {
  const commander = new Commander(command.name)
    .summary(command.summary)
    .description(command.description);
  for (const { name, placeholder, description } of globalOptions(command)) {
    commander.option(`--${name}${placeholder ? ` ${placeholder}` : ''}`, description);
  }
  if (command.operands) commander.argument(command.operands.shape, command.operands.description);
  for (const [name, spec] of Object.entries(command.options)) {
    const placeholder = spec.placeholder ? ` ${spec.placeholder}` : '';
    const notes = [
      spec.separator === undefined ? '' : 'repeatable',
      spec.shownDefault === undefined ? '' : `default: ${spec.shownDefault}`,
      spec.variable === undefined ? '' : `in the environment ${spec.variable}`,
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
      const given = commander.opts<Given & { readonly output?: string | readonly string[] }>();
      const operands = command.operands
        ? [received[0]].flat().filter((one) => one !== undefined)
        : [];
      const report = hasReportFile(command) ? (given.output as string | undefined) : undefined;
      await execute(command, given as Given, operands as string[], report);
    });
}

async function execute(
  command: Command,
  given: Given,
  operands: string[],
  reportFile: string | undefined,
): Promise<void> {
  const printDocument = given.json === true ? reserveStdout() : undefined;
  const report = (document: unknown) => {
    const text = `${JSON.stringify(document, null, 2)}\n`;
    if (reportFile !== undefined) writeReport(reportFile, text);
    printDocument?.(text);
  };
  const reportError = (error: Failure) => {
    try {
      report({ error });
    } catch {
      // The report file cannot be written, which `error` already says.
      printDocument?.(`${JSON.stringify({ error }, null, 2)}\n`);
    }
  };
  try {
    const values = readOptions(command.options, given, platform.env);
    const outcome = await command.run(platform, values, operands);
    await reportToHost(outcome);
    report(outcome.document);
    if (printDocument === undefined) printText(outcome.text);
    process.exitCode ??= outcome.status;
  } catch (thrown) {
    const failure = interruption.signal.aborted
      ? (interruption.signal.reason as Failure)
      : asFailure(thrown);
    reportError(failure);
    if (process.exitCode !== SIGPIPE_STATUS) printFailure(failure);
    process.exitCode ??= 2;
  }
}

/**
 * Reserves standard output for the JSON document: everything else that is written to it, by libraries too, goes
 * to standard error. Returns the function that writes the document.
 */
function reserveStdout(): (text: string) => void {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return (text) => void write(text);
}

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new Failure(
      'usage',
      `The report ${file} cannot be written: ${describe(error)}.`,
      'Give another file with --output.',
    );
  }
}

function printText(text: string): void {
  platform.stdout.write(platform.workflow === undefined ? text : withoutCommands(text));
}

async function reportToHost({ outputs, summary, failures }: Outcome): Promise<void> {
  const warn = (message: string) =>
    platform.workflow?.warning(message) ?? platform.stderr.write(`warning: ${message}\n`);
  for (const name of outputs ? writeOutputs(host, platform.env, outputs) : []) {
    warn(`The output '${name}' is larger than the host allows and is not set.`);
  }
  if (summary) {
    await writeSummary(host, platform.env, summary).catch((error) => warn(describe(error)));
  }
  for (const { title, message, source } of failures ?? []) {
    platform.workflow?.error(message, title, source);
  }
}

function printFailure(failure: Failure): void {
  // A message can end with the words of another program.
  const stop = /[.!?]$/.test(failure.message) ? '' : '.';
  const advice = failure.advice ? `${stop} ${failure.advice}` : stop;
  if (platform.workflow) platform.workflow.error(`${failure.message}${advice}`, 'btfhub');
  else platform.stderr.write(`btfhub: ${failure.message}${advice}\n`);
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
    `${topicList()}\nEach option can also be set in the environment: --trust-key as BTFHUB_TRUST_KEY.`,
  )
  .exitOverride();
for (const command of COMMANDS) program.addCommand(toCommander(command).exitOverride());
program.helpCommand(false).addCommand(
  new Commander('help')
    .summary('help for a command or a topic')
    .argument('[name]', 'command, or one of the topics below')
    .addHelpText('after', topicList())
    .action((name?: string) => showHelp(name))
    .exitOverride(),
);

function topicList(): string {
  const rows = TOPICS.map(({ name, summary }) => `  btfhub help ${name.padEnd(14)} ${summary}\n`);
  return `\nTopics:\n${rows.join('')}`;
}

function showHelp(name: string | undefined): void {
  const topic = TOPICS.find((one) => one.name === name);
  const command = program.commands.find((one) => one.name() === name);
  if (topic) platform.stdout.write(topic.text);
  else if (command) command.outputHelp();
  else if (name === undefined) program.outputHelp();
  else {
    const names = [...COMMANDS, ...TOPICS].map((one) => one.name);
    printFailure(noMatch('help', name, names));
    process.exitCode ??= 2;
  }
}

program.parseAsync(process.argv).catch((error: unknown) => {
  if (!(error instanceof CommanderError)) throw error;
  if (error.exitCode !== 0 && process.argv.includes('--json')) {
    const failure = new Failure('usage', error.message.replace(/^error: /, ''));
    platform.stdout.write(`${JSON.stringify({ error: failure }, null, 2)}\n`);
  }
  process.exitCode ??= error.exitCode === 0 ? 0 : 2;
});
