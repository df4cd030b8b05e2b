import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import { isBasicExpression, isMapping, isSequence } from '@actions/workflow-parser';
import { ensureStatusFunction } from '@actions/workflow-parser/model/converter/if-condition';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';

/** What an expression sees and gives: the values of JSON. */
export type Plain = null | boolean | number | string | Plain[] | { [name: string]: Plain };
export type Table = { [name: string]: Plain };

export interface Scope {
  /** By name; what is not here is an error to name, as it is on GitHub. */
  readonly contexts: Table;
  /** What success(), failure() and cancelled() mean here. */
  readonly status: 'success' | 'failure' | 'cancelled' | 'skipped';
}

/** The value of an expression without its braces, by GitHub's own parser and evaluator. */
export function evaluate(expression: string, { contexts, status }: Scope): Plain {
  const answer = (name: string, value: boolean) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(value),
  });
  const functions = [
    answer('success', status === 'success'),
    answer('failure', status === 'failure'),
    answer('cancelled', status === 'cancelled'),
    answer('always', true),
  ];
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, Object.keys(contexts), functions).parse();
  const known = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  const byName = new Map(functions.map((one) => [one.name, one]));
  const value = new Evaluator(tree, known, byName).evaluate();
  return JSON.parse(JSON.stringify(value, data.replacer) ?? 'null') as Plain;
}

/** A piece of a workflow with every `${{ }}` in it replaced by its value. */
export function resolve(token: TemplateToken | undefined, scope: Scope): Plain {
  if (token === undefined) return null;
  if (isBasicExpression(token)) return evaluate(token.expression, scope);
  if (isSequence(token)) return [...token].map((item) => resolve(item, scope));
  if (isMapping(token)) {
    return Object.fromEntries(
      [...token].map(({ key, value }) => [key.toString(), resolve(value, scope)]),
    );
  }
  return token.toJSON() as Plain;
}

/** A mapping of which every value is text, as `env` and `with` are. */
export function resolveTexts(
  token: TemplateToken | undefined,
  scope: Scope,
): Record<string, string> {
  const table = (resolve(token, scope) ?? {}) as Table;
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, asText(value)]));
}

/** Whether an `if` holds; without one, or without a status function in it, success() is asked too. */
export function holds(condition: TemplateToken | undefined, scope: Scope): boolean {
  if (condition === undefined) return scope.status === 'success';
  const text = isBasicExpression(condition) ? condition.expression : condition.toString().trim();
  const value = evaluate(ensureStatusFunction(text, condition.definitionInfo), scope);
  return !(value === null || value === false || value === 0 || value === '');
}

export function asText(value: Plain): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
