import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Document } from 'openapi-backend';
import type { ForgeName } from '../../src/forge/forge.ts';
import { shared } from '../shared.ts';

type Json = Record<string, unknown>;

const load = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const PULLS = '/repos/{owner}/{repo}/pulls';

/**
 * The published description of a forge's pull requests, or undefined where there is none, or it is
 * not beside the repository. Paths are below the API's root.
 */
export function description(forge: ForgeName): Document | undefined {
  try {
    if (forge === 'github') return load(join(import.meta.dirname, 'github-pulls.json'));
    if (forge === 'gitee') return fromSwagger(load(join(shared, 'apis/gitee-v5.json')));
    if (forge === 'atomgit') return trimmed(load(join(shared, 'apis/atomgit-v5.json')));
  } catch (error) {
    process.stderr.write(`skipping the description of ${forge}: ${error}\n`);
  }
  return undefined;
}

/** AtomGit's, of which the token as a query parameter is left out: it is sent in the header. */
function trimmed(whole: { paths: Record<string, Record<string, Json>> }): Document {
  const paths = [PULLS, `${PULLS}/{number}`].map((path) => {
    const operations = whole.paths[`/api/v5${path}`] ?? {};
    const kept = Object.entries(operations).map(([method, operation]) => [
      method,
      {
        operationId: `${method} ${path}`,
        parameters: (operation.parameters as Json[]).filter(({ name }) => name !== 'access_token'),
        ...(operation.requestBody ? { requestBody: operation.requestBody } : {}),
        responses: { 200: { description: 'left out' } },
      },
    ]);
    return [path, Object.fromEntries(kept)];
  });
  return document(Object.fromEntries(paths));
}

/** Gitee's Swagger 2.0 as OpenAPI 3.0, as far as three operations need it. */
function fromSwagger(whole: {
  paths: Record<string, Record<string, { parameters: Json[] }>>;
  definitions: Record<string, { properties: Record<string, Json> }>;
}): Document {
  const schema = ({ type, enum: values }: Json) => ({ type, ...(values ? { enum: values } : {}) });
  const bodyOf = (reference: string) => {
    const { properties } = whole.definitions[reference.split('/').at(-1) as string] ?? {
      properties: {},
    };
    return {
      type: 'object',
      additionalProperties: false,
      required: Object.keys(properties).filter((name) => properties[name]?.required === true),
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, property]) => [name, schema(property)]),
      ),
    };
  };
  const paths = [PULLS, `${PULLS}/{number}`].map((path) => {
    const operations = whole.paths[`/v5${path}`] ?? {};
    const kept = Object.entries(operations).map(([method, { parameters }]) => {
      const body = parameters.find((one) => one.in === 'body');
      return [
        method,
        {
          operationId: `${method} ${path}`,
          parameters: parameters
            .filter((one) => one.in !== 'body')
            .map((one) => ({
              name: one.name,
              in: one.in,
              required: one.required,
              schema: schema(one),
            })),
          ...(body
            ? {
                requestBody: {
                  required: true,
                  content: {
                    'application/json': { schema: bodyOf((body.schema as Json).$ref as string) },
                  },
                },
              }
            : {}),
          responses: { 200: { description: 'left out' } },
        },
      ];
    });
    return [path, Object.fromEntries(kept)];
  });
  return document(Object.fromEntries(paths));
}

function document(paths: unknown): Document {
  return { openapi: '3.0.3', info: { title: 'cut', version: '5' }, paths } as Document;
}
