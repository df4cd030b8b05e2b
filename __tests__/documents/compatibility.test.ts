import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCatalog } from '../../src/archive/catalog.ts';
import { parseRecord } from '../../src/archive/parse-record.ts';
import { COMMANDS } from '../../src/commands/all.ts';
import { parsePlan } from '../../src/jobs/plan/plan.ts';
import { parseSource } from '../../src/sources/source.ts';
import { SCHEMA_NAMES, wrongIn } from '../schemas.ts';

/**
 * Documents that earlier versions of btfhub wrote: `<schema>.<what it shows>.json`. They are never
 * changed, and none is removed: who wrote a program for them must not have to change it.
 */
const folder = join(import.meta.dirname, 'v1');
const documents = readdirSync(folder).map((file) => ({
  file,
  schema: file.split('.')[0] ?? '',
  text: readFileSync(join(folder, file), 'utf8'),
}));
const tests = join(import.meta.dirname, '..');
const of = (schema: string) => documents.filter((one) => one.schema === schema);

test('there is a schema for every command and every file that is kept, and a document for each', () => {
  const files = ['record', 'catalog', 'source'];
  expect([...SCHEMA_NAMES].sort()).toEqual([...COMMANDS.map(({ name }) => name), ...files].sort());
  expect([...new Set(documents.map(({ schema }) => schema))].sort()).toEqual(
    [...SCHEMA_NAMES].sort(),
  );
});

test.each(documents)('$file still is what its schema says', ({ schema, text }) => {
  expect(wrongIn(schema, JSON.parse(text))).toEqual([]);
});

test.each(documents)('$file is refused without any one of its fields', ({ schema, text }) => {
  const document: Record<string, unknown> = JSON.parse(text);
  const optional = ['archive', 'crossCheck', 'run', 'modules'];
  // A source file has defaults for most of its fields, and old records have no method.
  if (schema === 'source') optional.push('key', 'name', 'mirrors', 'releases', 'arches', 'status');
  optional.push('method', 'uname', 'packedSize', 'evidence', 'keys', 'excludeReleases');
  const names = Object.keys(document).filter((name) => !optional.includes(name));
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) {
    const { [name]: _, ...rest } = document;
    expect({ name, isRefused: wrongIn(schema, rest).length > 0 }).toEqual({
      name,
      isRefused: true,
    });
  }
});

test.each(of('record'))('$file is still read as a record', ({ text }) => {
  const { uname } = JSON.parse(text);
  expect(parseRecord(text, `records/${uname}.json`).uname).toBe(uname);
});

test.each(of('catalog'))('$file is still read as a catalog', ({ text }) => {
  const kernels = Object.keys(JSON.parse(text).kernels);
  expect([...parseCatalog(text, 'a test').keys()]).toEqual(kernels);
  expect(kernels.length).toBeGreaterThan(1);
});

test.each(of('plan').filter(({ text }) => 'schema' in JSON.parse(text)))(
  '$file is still read by build --plan',
  ({ text }) => {
    expect(parsePlan(text, 'a test').kernels).toHaveLength(JSON.parse(text).kernels.length);
  },
);

test.each(of('source'))('$file is still read as a source file', ({ text, file }) => {
  const data = JSON.parse(text);
  expect(parseSource(data, file).id).toBe(data.id);
});

test('no test looks at a document without its schema', () => {
  const names = COMMANDS.map(({ name }) => name).join('|');
  const runs = new RegExp(`'--json'|\\b(?:${names})\\.run\\(`);
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const running = files.filter((file) => runs.test(readFileSync(join(tests, file), 'utf8')));
  expect(running.length).toBeGreaterThan(5);
  const without = running.filter(
    (file) => !readFileSync(join(tests, file), 'utf8').includes("/schemas.ts'"),
  );
  expect(without).toEqual([]);
});
