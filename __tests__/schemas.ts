import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { GenericSchema } from 'valibot';
import type { Command, OptionTable, Outcome, Values } from '../src/commands/command.ts';
import type { Platform } from '../src/platform/platform.ts';

/** The published JSON Schemas. Every document that a test gets from a command is checked against its schema here. */

export const SCHEMAS = join(import.meta.dirname, '..', 'schemas', 'v1');

/** The names of all schemas. */
export const SCHEMA_NAMES = readdirSync(SCHEMAS).map((name) => name.replace(/\.json$/, ''));

const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictTuples: false });
// A module of the time before ESM: its default export is the module.
(addFormats as unknown as { default: typeof addFormats.default }).default(ajv);
const compiled = new Map<string, ValidateFunction>();

/**
 * What is wrong with a document by its schema; empty for nothing. A field that the schema does not
 * have is wrong here, though the schema of a report allows it to later versions.
 *
 * @param name of the schema: of a command, or `record`, `catalog`, `source`
 */
export function wrongIn(name: string, document: unknown): readonly string[] {
  const validate = compiled.get(name) ?? ajv.compile(closed(read(name)) as object);
  compiled.set(name, validate);
  if (validate(document)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** The document as it is printed, after the check. Throws when it is not what the schema says. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at any part of a document
export function checked(command: string, document: unknown): any {
  const printed: unknown = JSON.parse(JSON.stringify(document));
  const wrong = wrongIn(command, printed);
  if (wrong.length > 0) {
    throw new Error(
      `schemas/v1/${command}.json does not describe this: ${wrong.join('; ')}\n${JSON.stringify(printed).slice(0, 2000)}`,
    );
  }
  return printed;
}

/** Runs a command in this process and checks its document. */
export async function runCommand<Table extends OptionTable, Shape extends GenericSchema>(
  command: Command<Table, Shape>,
  platform: Platform,
  options: Values<Table>,
  operands: readonly string[] = [],
): Promise<Outcome<Shape>> {
  const outcome = await command.run(platform, options, operands);
  checked(command.name, outcome.document);
  return outcome;
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(SCHEMAS, `${name}.json`), 'utf8'));
}

function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.entries(value).map(([name, one]) => [name, closed(one)]);
  const isObject = 'properties' in value && !('additionalProperties' in value);
  return Object.fromEntries([...inner, ...(isObject ? [['additionalProperties', false]] : [])]);
}
