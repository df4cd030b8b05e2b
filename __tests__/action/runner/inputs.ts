import { isMapping } from '@actions/workflow-parser';
import type { MappingToken } from '@actions/workflow-parser/templates/tokens/mapping-token';
import { child } from './document.ts';
import { asText, type Plain, resolve, resolveTexts, type Table } from './expressions.ts';

const LITERALS = { contexts: {}, status: 'success' as const };

/** What a caller passes, held against what the called workflow declares. */
export function checkCallInputs(
  document: MappingToken,
  given: Table,
  secrets: Table,
): { readonly inputs: Table; readonly secrets: Table } {
  const call = child(child(document, 'on'), 'workflow_call');
  if (!call) throw new Error('The called workflow has no workflow_call.');
  const declared = child(call, 'inputs');
  refuseUnknown(declared, Object.keys(given), 'input');
  const inputs = fill(declared, (name, type) => {
    const value = given[name];
    if (value !== undefined && typeof value !== type) {
      throw new Error(`Invalid value for input '${name}': ${type} expected, not ${typeof value}`);
    }
    return value;
  });
  const known = child(call, 'secrets');
  refuseUnknown(known, Object.keys(secrets), 'secret');
  for (const { key, value } of known ?? []) {
    const required = isMapping(value) && resolve(value.find('required'), LITERALS) === true;
    if (required && !secrets[key.toString()])
      throw new Error(`Secret ${key.toString()} is required`);
  }
  return { inputs, secrets };
}

/** A called workflow starts only where its caller grants all that any of its jobs asks for. */
export function checkPermissions(
  document: MappingToken,
  granted: Readonly<Record<string, string>>,
): void {
  const rank = (level: string | undefined) => ['none', 'read', 'write'].indexOf(level ?? 'none');
  for (const { key, value } of child(document, 'jobs') ?? []) {
    const own = isMapping(value) ? value.find('permissions') : undefined;
    for (const [scope, level] of Object.entries(resolveTexts(own, LITERALS))) {
      if (rank(level) <= rank(granted[scope])) continue;
      throw new Error(
        `The nested job '${key.toString()}' is requesting '${scope}: ${level}', but is only allowed '${scope}: ${granted[scope] ?? 'none'}'.`,
      );
    }
  }
}

function refuseUnknown(declared: MappingToken | undefined, names: string[], kind: string): void {
  const unknown = names.filter((name) => declared?.find(name) === undefined);
  if (unknown.length > 0) throw new Error(`Invalid ${kind}, not defined: ${unknown.join(', ')}`);
}

function fill(
  declared: MappingToken | undefined,
  read: (name: string, type: string, options: Plain[] | undefined) => Plain | undefined,
): Table {
  const empty: Readonly<Record<string, Plain>> = { boolean: false, number: 0 };
  const filled: Table = {};
  for (const { key, value } of declared ?? []) {
    const name = key.toString();
    const spec = (isMapping(value) ? resolve(value, LITERALS) : {}) as Table;
    const type = asText(spec.type ?? 'string');
    const options = Array.isArray(spec.options) ? spec.options : undefined;
    const given = read(name, type, options);
    if (given === undefined && spec.required === true)
      throw new Error(`Required input '${name}' not provided`);
    filled[name] = given ?? spec.default ?? empty[type] ?? '';
  }
  return filled;
}
