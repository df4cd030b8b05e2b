import * as v from 'valibot';
import { Failure } from '../failure.ts';

/** What a forge answered, in the shape that is expected of it. Throws Failure `forge` when it is another. */
export function parseResponse<Schema extends v.GenericSchema>(
  title: string,
  schema: Schema,
  answer: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, answer, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Failure(
    'forge',
    `${title} answered in another shape than its API describes: ${v.getDotPath(issue) ?? 'all of it'}.`,
    'Is --forge right, and --api-url the address of its API?',
  );
}
