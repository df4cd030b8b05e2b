import { createContext, Script } from 'node:vm';
import { Failure } from '../failure.ts';

/** What an expression found: its first group, and its named groups. */
export interface Groups {
  readonly first: string | undefined;
  readonly named: Readonly<Record<string, string | undefined>>;
}

/** Milliseconds for one call, however many texts there are. An expression that needs more backtracks without end. */
const TIME_LIMIT = 2000;
/** Longer texts never match: names of folders and packages have at most 255 bytes. */
const LONGEST_TEXT = 1024;

const context = createContext(Object.create(null));
const script = new Script(`
  texts.map((text) => {
    const match = expression.exec(text);
    return match && { first: match[1], named: { ...match.groups } };
  })
`);

/**
 * A regular expression of a source file. It may be wrong or hostile: it runs under a limit of time, which
 * V8 enforces inside of the expression too.
 */
export class Expression {
  readonly source: string;
  readonly #expression: RegExp;
  readonly #known = new Map<string, Groups | undefined>();

  /** Throws a SyntaxError for a text that is no expression. */
  constructor(source: string) {
    this.source = source;
    this.#expression = new RegExp(source, 'u');
  }

  /** The groups of each text that matches, undefined for the others; kept. Throws `usage` when that takes too long. */
  match(texts: readonly string[]): readonly (Groups | undefined)[] {
    const unknown = [...new Set(texts)].filter(
      (text) => text.length <= LONGEST_TEXT && !this.#known.has(text),
    );
    if (unknown.length > 0) {
      const found = this.#run(unknown);
      for (const [index, text] of unknown.entries()) {
        this.#known.set(text, found[index] ?? undefined);
      }
    }
    return texts.map((text) => this.#known.get(text));
  }

  /** The groups of the texts that match, not kept: for thousands of texts that are read once. */
  search(texts: readonly string[]): readonly Groups[] {
    const short = texts.filter((text) => text.length <= LONGEST_TEXT);
    return this.#run(short).filter((groups) => groups !== null);
  }

  matchOne(text: string): Groups | undefined {
    return this.match([text])[0];
  }

  #run(texts: readonly string[]): readonly (Groups | null)[] {
    context.expression = this.#expression;
    context.texts = texts;
    try {
      return script.runInContext(context, { timeout: TIME_LIMIT });
    } catch (error) {
      throw new Failure(
        'usage',
        `The expression '${this.source}' of the source file cannot be used: it takes longer than ${TIME_LIMIT / 1000} s or too much memory.`,
        'Write it without nested repetitions such as (a+)+.',
        error,
      );
    } finally {
      context.texts = undefined;
    }
  }
}

const compiled = new Map<string, Expression>();

/** The expression with that source; each is compiled once. */
export function expressionOf(source: string): Expression {
  const known = compiled.get(source) ?? new Expression(source);
  compiled.set(source, known);
  return known;
}

/** A template with `<name>` replaced by what is known; unknown names stay. */
export function fillIn(
  template: string,
  values: Readonly<Record<string, string | undefined>>,
): string {
  return template.replace(/<([a-zA-Z]\w*)>/g, (whole, name: string) => values[name] ?? whole);
}
