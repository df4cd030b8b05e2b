import { readFileSync } from 'node:fs';
import {
  convertWorkflowTemplate,
  isMapping,
  NoOperationTraceWriter,
  parseWorkflow,
} from '@actions/workflow-parser';
import { convertActionTemplate, parseAction } from '@actions/workflow-parser/actions/index';
import type { TemplateContext } from '@actions/workflow-parser/templates/template-context';
import type { MappingToken } from '@actions/workflow-parser/templates/tokens/mapping-token';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';

/** A workflow as GitHub's own parser reads it; throws with all that the parser minds. */
export async function readWorkflow(path: string): Promise<MappingToken> {
  const file = { name: path, content: readFileSync(path, 'utf8') };
  const { context, value } = parseWorkflow(file, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  return root(path, context, value);
}

/** An `action.yml`, likewise. */
export function readAction(path: string): MappingToken {
  const file = { name: path, content: readFileSync(path, 'utf8') };
  const { context, value } = parseAction(file, new NoOperationTraceWriter());
  if (value) convertActionTemplate(context, value);
  return root(path, context, value);
}

function root(path: string, context: TemplateContext, value: TemplateToken | undefined) {
  const errors = context.errors.getErrors().map((error) => error.message);
  if (errors.length > 0) throw new Error(`${path}: ${errors.join('; ')}`);
  if (!value || !isMapping(value)) throw new Error(`${path} is no mapping.`);
  return value;
}

/** The mapping at a key, or undefined where there is none. */
export function child(mapping: MappingToken | undefined, key: string): MappingToken | undefined {
  const token = mapping?.find(key);
  return token && isMapping(token) ? token : undefined;
}
