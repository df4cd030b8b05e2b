import { Failure } from '../failure.ts';
import { type OptionSpec, type OptionTable, splitValues } from './command.ts';

/** The options as commander collected them: all words of an option in their order, `true` for a flag. */
export type Given = Readonly<Record<string, readonly string[] | true | undefined>>;

/** `trustKey` -> `trust-key`, the name on the command line and of an action's input. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `trustKey` -> `BTFHUB_TRUST_KEY`, the environment variable of the option unless it has one of its own. */
export function variableOf(
  name: string,
  { variable }: Pick<OptionSpec<unknown>, 'variable'>,
): string {
  return variable ?? `BTFHUB_${kebab(name).replace(/-/g, '_').toUpperCase()}`;
}

/**
 * The typed value of each option: from the command line, else from its environment variable, else its
 * default. An empty variable counts as not set, because a workflow passes one for an input without a value.
 * Throws `usage`, with the name of the option as the user gave it.
 */
export function readOptions(
  options: OptionTable,
  given: Given,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([name, spec]) => {
      const typed = given[name];
      if (typed !== undefined) {
        if (typed !== true && typed.includes('')) {
          throw new Failure(
            'usage',
            `--${kebab(name)}: the value is empty.`,
            'Give a value, or leave the option out.',
          );
        }
        return [name, parse(`--${kebab(name)}`, spec, typed === true ? [''] : typed)];
      }
      const source = `${kebab(name)} (${variableOf(name, spec)})`;
      const words = fromVariable(source, spec, env[variableOf(name, spec)] ?? '');
      if (words.length === 0 && spec.required) {
        throw new Failure('usage', `--${kebab(name)} ${spec.placeholder} is required.`);
      }
      return [name, parse(source, spec, words)];
    }),
  );
}

function fromVariable(source: string, spec: OptionSpec<unknown>, value: string): string[] {
  const trimmed = value.trim();
  const isFlag = spec.placeholder === undefined;
  if (trimmed === '' || (isFlag && trimmed === 'false')) return [];
  if (isFlag && trimmed !== 'true') {
    throw new Failure('usage', `${source}: '${trimmed}' is neither 'true' nor 'false'.`);
  }
  return spec.separator === undefined ? [trimmed] : splitValues(trimmed, spec.separator);
}

function parse(source: string, spec: OptionSpec<unknown>, words: readonly string[]): unknown {
  try {
    return spec.parse(words);
  } catch (error) {
    throw new Failure('usage', `${source}: ${(error as Error).message}`);
  }
}
