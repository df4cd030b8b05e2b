#!/usr/bin/env node
// Writes what sources/*.yaml say into src/sources/built-in.ts, which the bundle carries, and the JSON Schema of source
// files into sources/schema.json. With --check nothing is written: it fails when one of them says something else.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import { parse } from 'yaml';
import { importSources, root } from './import-sources.mjs';

const folder = join(root, 'sources');
const changed = [];

function write(file, text) {
  const path = join(root, file);
  const before = readdirSync(dirname(path)).includes(file.split('/').at(-1))
    ? readFileSync(path, 'utf8')
    : undefined;
  if (before === text) return;
  changed.push(file);
  if (!process.argv.includes('--check')) writeFileSync(path, text);
}

const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const entries = files.sort().map((name) => ({
  file: `sources/${name}`,
  data: parse(readFileSync(join(folder, name), 'utf8')),
}));
write(
  'src/sources/built-in.ts',
  `// Made by 'npm run docs' out of sources/*.yaml; do not edit.
/** The source files that come with the program. */
export const BUILT_IN: readonly { readonly file: string; readonly data: unknown }[] = ${JSON.stringify(entries, undefined, 2)};
`,
);

const { SourceShape } = await importSources(
  'source-schema',
  "export { SourceShape } from './src/sources/source.ts';",
);
const schema = {
  $id: 'https://raw.githubusercontent.com/openeuler/btfhub-action/v1/sources/schema.json',
  title: 'Source file of btfhub: where a distribution publishes its kernels',
  ...toJsonSchema(SourceShape, { typeMode: 'input', errorMode: 'ignore' }),
};
write('sources/schema.json', `${JSON.stringify(schema, undefined, 2)}\n`);

if (changed.length > 0 && process.argv.includes('--check')) {
  process.stderr.write(`Not what sources/ says: ${changed.join(', ')}. Run 'npm run docs'.\n`);
  process.exit(1);
}
process.stdout.write(
  changed.length > 0 ? `written: ${changed.join(', ')}\n` : 'nothing to change\n',
);
