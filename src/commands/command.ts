import type { GenericSchema } from 'valibot';
import type { DocumentOf } from '../documents/document.ts';
import type { AnnotatedLine, Platform } from '../platform/platform.ts';

/** 0: all done. 1: something failed, the rest is done. 2: wrong usage, or nothing could be done. */
export type ExitStatus = 0 | 1 | 2;

/** The result of a command: cli.ts prints `text`, or with --json `document`, and exits with `status`. */
export interface Outcome<Shape extends GenericSchema = GenericSchema> {
  readonly status: ExitStatus;
  /** One JSON document: plain data. */
  readonly document: DocumentOf<Shape>;
  /** The same as lines of text, each with a newline; may be empty. */
  readonly text: string;
  /** Outputs for the following steps of a workflow, by name in kebab case. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** Markdown for the step summary of a workflow. */
  readonly summary?: string;
  /** What failed although the command went on: an error annotation each. */
  readonly failures?: readonly Annotation[];
}

/** An error that the host of a workflow shows on the page of the run, and on a source line if it has one. */
export interface Annotation {
  /** A kernel, a path, or what is missing. */
  readonly title: string;
  readonly message: string;
  readonly source?: AnnotatedLine;
}

/**
 * The declaration of one option. The command line, the help, the actions' inputs and the tables in the
 * documentation come from it. Created by `text`, `list`, `number`, `choice` and `flag`.
 */
export interface OptionSpec<Value> {
  /** The value as the help shows it, `<folder>`; undefined for a flag. */
  readonly placeholder: string | undefined;
  /** One sentence without a full stop and without Markdown. */
  readonly description: string;
  readonly required: boolean;
  /** How several values are separated in the environment; undefined for an option with one value. */
  readonly separator: Separator | undefined;
  /** The default as the help shows it; undefined for none. */
  readonly shownDefault: string | undefined;
  readonly choices: readonly string[] | undefined;
  /** Its environment variable, where an option of another command has the same name and another meaning. */
  readonly variable: string | undefined;
  /** Parses the given words (none when absent). Throws an Error that says which values are allowed. */
  parse(given: readonly string[]): Value;
}

/** `words`: commas or white space. `lines`: line ends. */
export type Separator = 'words' | 'lines';

export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;
export type Values<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends OptionSpec<infer Value> ? Value : never;
};

export interface Command<
  Table extends OptionTable = OptionTable,
  Shape extends GenericSchema = GenericSchema,
> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` shows below the usage; a few sentences. */
  readonly description: string;
  /** Positional arguments: `<name>` once, `<name...>` one or more, `[name...]` any number. */
  readonly operands?: {
    readonly shape: string;
    readonly description: string;
    /** The allowed words, for completion. */
    readonly choices?: readonly string[];
  };
  /** By name in camel case; the command line has kebab case. */
  readonly options: Table;
  /** Complete command lines that work, for the help and the documentation. */
  readonly examples: readonly string[];
  /** The document that `--json` prints. `npm run docs` makes the JSON Schema of it. */
  readonly document: Shape;
  run(
    platform: Platform,
    options: Values<Table>,
    operands: readonly string[],
  ): Promise<Outcome<Shape>>;
}

/** Options of every command, which exist on the command line only. */
export const JSON_OPTION = {
  name: 'json',
  description: 'print one JSON document on standard output, and everything else on standard error',
} as const;

/** An option of the commands that have no `--output` of their own. */
export const REPORT_OPTION = {
  name: 'output',
  placeholder: '<file>',
  description: 'write the JSON document to this file; standard output has the text',
} as const;

export function hasReportFile({ options }: Command): boolean {
  return !('output' in options);
}

/** The options that a command has besides its own: `--json`, and `--output` where it is free. */
export function globalOptions(command: Command): readonly {
  readonly name: string;
  readonly placeholder?: string;
  readonly description: string;
}[] {
  return hasReportFile(command) ? [JSON_OPTION, REPORT_OPTION] : [JSON_OPTION];
}

/** Gives a command's `run` the types of its options and of its document. */
export function defineCommand<const Table extends OptionTable, Shape extends GenericSchema>(
  command: Command<Table, Shape>,
): Command<Table, Shape> {
  return command;
}

/** `--quiet`: true when given. */
export function flag(description: string, options: VariableOption = {}): OptionSpec<boolean> {
  return {
    placeholder: undefined,
    description,
    required: false,
    separator: undefined,
    shownDefault: undefined,
    choices: undefined,
    variable: options.variable,
    parse: (given) => given.length > 0,
  };
}

interface VariableOption {
  readonly variable?: string;
}
type TextOption = VariableOption & { readonly required?: boolean };

/** `--output <folder>`. Required, with a default, or `undefined` when absent. */
export function text(
  placeholder: string,
  description: string,
  options: { readonly default: string } | { readonly required: true },
): OptionSpec<string>;
export function text(
  placeholder: string,
  description: string,
  options?: VariableOption,
): OptionSpec<string | undefined>;
export function text(
  placeholder: string,
  description: string,
  options: TextOption & { readonly default?: string } = {},
): OptionSpec<string | undefined> {
  return {
    placeholder,
    description,
    required: options.required ?? false,
    separator: undefined,
    shownDefault: options.default,
    choices: undefined,
    variable: options.variable,
    parse: (given) => given.at(-1) ?? options.default,
  };
}

/**
 * `--release <release>`: repeatable, one value each time. In the environment one variable has all values:
 * names are separated by commas or spaces; with `separator: 'lines'` each line is a value, for paths and
 * other values that can contain spaces.
 */
export function list(
  placeholder: string,
  description: string,
  options: {
    readonly required?: boolean;
    readonly default?: readonly string[];
    readonly separator?: Separator;
  } = {},
): OptionSpec<readonly string[]> {
  const fallback = options.default ?? [];
  const separator = options.separator ?? 'words';
  return {
    placeholder,
    description,
    required: options.required ?? false,
    separator,
    shownDefault: fallback.length > 0 ? fallback.join(',') : undefined,
    choices: undefined,
    variable: undefined,
    parse: (given) => {
      const values = given.filter((value) => value !== '');
      const several = separator === 'words' ? values.find((one) => WORDS.test(one)) : undefined;
      if (several !== undefined) {
        throw new Error(`'${several}' is not one value. Repeat the option for several values.`);
      }
      return values.length > 0 ? values : fallback;
    },
  };
}

const WORDS = /[\s,]+/;

/** The values of a list in an environment variable. */
export function splitValues(text: string, separator: Separator): string[] {
  const parts = separator === 'words' ? text.split(WORDS) : text.split(/[\r\n]+/);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** `--jobs <number>`: an integer between `least` and `most`. */
export function number(
  placeholder: string,
  description: string,
  options: { readonly default?: number; readonly least: number; readonly most: number },
): OptionSpec<number | undefined> {
  const { least, most } = options;
  return {
    placeholder,
    description,
    required: false,
    separator: undefined,
    shownDefault: options.default?.toString(),
    choices: undefined,
    variable: undefined,
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
    placeholder: `<${choices.join('|')}>`,
    description,
    required: false,
    separator: undefined,
    shownDefault: options.default,
    choices,
    variable: undefined,
    parse: (given) => {
      const word = given.at(-1) ?? options.default;
      const found = choices.find((one) => one === word);
      if (found === undefined) throw new Error(`'${word}' is none of ${choices.join(', ')}.`);
      return found;
    },
  };
}
