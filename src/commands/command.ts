import type { Platform } from '../platform/platform.ts';
import type { Annotation } from '../report/host.ts';

/** 0: all done. 1: some kernels failed, the others are finished. 2: wrong usage, or nothing could be done. */
export type ExitStatus = 0 | 1 | 2;

/** What a command has to say: cli.ts prints `text`, or with --json `document`, and exits with `status`. */
export interface Outcome {
  readonly status: ExitStatus;
  /** One JSON document: plain data. */
  readonly document: unknown;
  /** The same for a person: lines, with a newline at the end of the last; empty to say nothing. */
  readonly text: string;
  /** Values for the steps of a pipeline that follow, by name in kebab case: an Action's outputs. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** Markdown for the page of the run. */
  readonly summary?: string;
  /** What failed although the command went on, one each: an error annotation on hosts that have them. */
  readonly failures?: readonly Annotation[];
}

/**
 * One option. The command line, the help, the actions' inputs and the tables of the README all come
 * from this declaration, or are checked against it. Made by `text`, `list`, `number`, `choice` and `flag`.
 */
export interface OptionSpec<Value> {
  /** What stands behind the name in the help, `<folder>`; undefined for a flag. */
  readonly placeholder: string | undefined;
  /** One sentence without a full stop, in Markdown-free English. */
  readonly description: string;
  readonly required: boolean;
  readonly repeatable: boolean;
  /** The default as the help prints it; undefined for none. */
  readonly shownDefault: string | undefined;
  readonly choices: readonly string[] | undefined;
  /** The typed value out of what was given (none when absent). Throws an Error that says what would do. */
  parse(given: readonly string[]): Value;
}

export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer Value> ? Value : never;
};

export interface Command<Table extends OptionTable = OptionTable> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` says below the usage; a few sentences. */
  readonly description: string;
  /** Positional arguments: `<name>` once, `<name...>` one or more, `[name...]` any number. */
  readonly operands?: { readonly shape: string; readonly description: string };
  /** Camel case on this side, kebab case on the command line. */
  readonly options: Table;
  /** Whole command lines that work, for the help and the README. */
  readonly examples: readonly string[];
  run(platform: Platform, options: Values<Table>, operands: readonly string[]): Promise<Outcome>;
}

/** Ties a command's `run` to the types of its options. */
export function defineCommand<const Table extends OptionTable>(
  command: Command<Table>,
): Command<Table> {
  return command;
}

/** `--quiet`, not set unless it is given. */
export function flag(description: string): OptionSpec<boolean> {
  return {
    ...{ placeholder: undefined, description, required: false, repeatable: false },
    ...{ shownDefault: undefined, choices: undefined },
    parse: (given) => given.length > 0,
  };
}

type TextOption = { readonly required?: boolean };

/** `--output <folder>`. Required, with a default, or `undefined` when absent. */
export function text(
  placeholder: string,
  description: string,
  options: { readonly default: string } | { readonly required: true },
): OptionSpec<string>;
export function text(placeholder: string, description: string): OptionSpec<string | undefined>;
export function text(
  placeholder: string,
  description: string,
  options: TextOption & { readonly default?: string } = {},
): OptionSpec<string | undefined> {
  return {
    ...{ placeholder, description, required: options.required ?? false, repeatable: false },
    ...{ shownDefault: options.default, choices: undefined },
    parse: (given) => given.at(-1) ?? options.default,
  };
}

/** `--release <release>...`: repeatable; one word may hold several values, comma- or space-separated. */
export function list(
  placeholder: string,
  description: string,
  options: { readonly required?: boolean; readonly default?: readonly string[] } = {},
): OptionSpec<readonly string[]> {
  const fallback = options.default ?? [];
  return {
    ...{ placeholder, description, required: options.required ?? false, repeatable: true },
    ...{ shownDefault: fallback.length > 0 ? fallback.join(',') : undefined, choices: undefined },
    parse: (given) => {
      const words = given.flatMap((word) => word.split(/[\s,]+/)).filter((word) => word !== '');
      return words.length > 0 ? words : fallback;
    },
  };
}

/** `--jobs <number>`: a whole number within bounds. */
export function number(
  placeholder: string,
  description: string,
  options: { readonly default?: number; readonly least: number; readonly most: number },
): OptionSpec<number | undefined> {
  const { least, most } = options;
  return {
    ...{ placeholder, description, required: false, repeatable: false },
    ...{ shownDefault: options.default?.toString(), choices: undefined },
    parse: (given) => {
      const word = given.at(-1);
      if (word === undefined || word === '') return options.default;
      const value = Number(word);
      if (!/^\d+$/.test(word) || value < least || value > most) {
        throw new Error(`'${word}' is not a whole number from ${least} to ${most}.`);
      }
      return value;
    },
  };
}

/** `--signature require|prefer|off`. */
export function choice<const Choice extends string>(
  choices: readonly Choice[],
  description: string,
  options: { readonly default: NoInfer<Choice> },
): OptionSpec<Choice> {
  return {
    ...{ placeholder: `<${choices.join('|')}>`, description, required: false, repeatable: false },
    ...{ shownDefault: options.default, choices },
    parse: (given) => {
      const word = given.at(-1) ?? options.default;
      const found = choices.find((one) => one === word);
      if (found === undefined) throw new Error(`'${word}' is none of ${choices.join(', ')}.`);
      return found;
    },
  };
}
