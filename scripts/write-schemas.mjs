#!/usr/bin/env node
// Writes the JSON Schemas of the documents that btfhub prints and keeps into schemas/v1/, out of the same declarations
// that the commands are compiled and read their files with. With --check nothing is written: it fails when a file says
// something else.
//
// A change that an old document does not pass is a new version: a new folder beside v1. __tests__/documents/ holds the
// documents of earlier versions against the schemas.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import { importSources, root } from './import-sources.mjs';

const FOLDER = 'schemas/v1';
const BASE = `https://raw.githubusercontent.com/openeuler/btfhub-action/main/${FOLDER}`;

const { COMMANDS, ErrorDocument, Failed, Trouble, CatalogShape, SourceShape, record, shape } =
  await importSources(
    'shapes',
    `export { COMMANDS } from './src/commands/all.ts';
      export { ErrorDocument, Failed, Trouble } from './src/documents/document.ts';
      export { CatalogShape } from './src/archive/catalog.ts';
      export * as record from './src/archive/parse-record.ts';
      export * as shape from './src/archive/shapes.ts';
      export { SourceShape } from './src/sources/source.ts';`,
  );

/** Files that btfhub reads back refuse fields that they do not know, so that a mistyped name is not ignored. */
const FILES = {
  record: [
    record.RecordShape,
    'How the BTF of one kernel was made, or why it failed: records/<uname -r>.json',
  ],
  catalog: [
    CatalogShape,
    "All records of an archive: catalog.json and modules.json on its branch 'catalog'",
  ],
  source: [SourceShape, 'Source file of btfhub: where a distribution publishes its kernels'],
};

/** Shapes that occur in many places are written once in a schema, under these names. */
const DEFINITIONS = {
  uname: shape.uname,
  arch: shape.arch,
  release: shape.release,
  versionId: shape.versionId,
  distribution: shape.distribution,
  reason: shape.reason,
  sha256: shape.sha256,
  count: shape.count,
  size: shape.size,
  package: shape.source,
  verification: shape.verification,
  modules: shape.modules,
  crossCheck: shape.crossCheck,
  failure: Failed,
  trouble: Trouble,
  dwarfRecord: record.dwarfRecord,
  embeddedRecord: record.embeddedRecord,
  failureRecord: record.failureRecord,
};

/** The checks of names are functions, which a JSON Schema cannot have. */
const DESCRIPTIONS = {
  uname: "'uname -r' of the kernel: 5.10.0-136.12.0.86.oe2203sp1.x86_64",
  arch: "architecture as 'uname -m' has it: aarch64",
  release: 'version of the distribution as the mirror names it: 22.03-LTS-SP1',
  versionId: 'version as /etc/os-release has it: 22.03',
  distribution: 'ID as /etc/os-release has it: openEuler',
  reason: 'why something failed; later versions may have more reasons',
  sha256: 'SHA-256, lower-case hex',
};

function plain(shape) {
  const { $defs: definitions = {}, ...schema } = toJsonSchema(shape, {
    target: 'draft-2020-12',
    typeMode: 'input',
    errorMode: 'ignore',
    definitions: DEFINITIONS,
  });
  for (const [name, description] of Object.entries(DESCRIPTIONS)) {
    if (definitions[name]) definitions[name] = { description, ...definitions[name] };
  }
  return { ...schema, definitions };
}

/** The definitions that a schema refers to, directly or not. */
function definitionsOf(schema, definitions, found = new Set()) {
  for (const [, name] of JSON.stringify(schema).matchAll(/"#\/\$defs\/([^"]+)"/g)) {
    if (found.has(name)) continue;
    found.add(name);
    definitionsOf(definitions[name], definitions, found);
  }
  return Object.fromEntries(Object.entries(definitions).filter(([name]) => found.has(name)));
}

function whole($id, title, { $schema, definitions, ...schema }) {
  return { $schema, $id, title, ...schema, $defs: definitionsOf(schema, definitions) };
}

/** Reports may get fields in later versions, which a reader ignores: so a schema does not forbid them. */
function open(value) {
  if (Array.isArray(value)) return value.map(open);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([name, one]) => !(name === 'additionalProperties' && one === false),
  );
  return Object.fromEntries(entries.map(([name, one]) => [name, open(one)]));
}

/** A report, or why there is none. */
function reportSchema({ name, document }) {
  const { $schema, definitions, ...report } = open(plain(document));
  const { $schema: _, definitions: __, ...error } = open(plain(ErrorDocument));
  return whole(`${BASE}/${name}.json`, `What 'btfhub ${name} --json' prints`, {
    $schema,
    definitions,
    anyOf: [...(report.anyOf ?? [report]), error],
  });
}

function fileSchema(name, [shape, title]) {
  return whole(`${BASE}/${name}.json`, title, plain(shape));
}

const schemas = new Map([
  ...COMMANDS.map((command) => [`${command.name}.json`, reportSchema(command)]),
  ...Object.entries(FILES).map(([name, file]) => [`${name}.json`, fileSchema(name, file)]),
]);
const folder = join(root, FOLDER);
mkdirSync(folder, { recursive: true });
const isCheck = process.argv.includes('--check');
const changed = [];
for (const [name, schema] of schemas) {
  const path = join(folder, name);
  const text = `${JSON.stringify(schema, undefined, 2)}\n`;
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  changed.push(`${FOLDER}/${name}`);
  if (!isCheck) writeFileSync(path, text);
}
for (const name of readdirSync(folder).filter((one) => !schemas.has(one))) {
  changed.push(`${FOLDER}/${name}`);
  if (!isCheck) rmSync(join(folder, name));
}
if (changed.length > 0 && isCheck) {
  process.stderr.write(
    `Not what the commands declare: ${changed.join(', ')}. Run 'npm run docs'.\n`,
  );
  process.exit(1);
}
process.stdout.write(
  changed.length > 0 ? `written: ${changed.join(', ')}\n` : 'nothing to change\n',
);
