import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { openArchive } from '../../src/archive/archive.ts';
import { archiveReader } from '../../src/archive/reader.ts';
import { unpackBtf } from '../../src/btf/tarball.ts';
import { site } from '../../src/commands/site.ts';
import type { Definition, DefinitionKind } from '../../src/explorer/definition.ts';
import { type Part, partsOf } from '../../src/explorer/parts.ts';
import {
  diffKernels,
  type ExplorerKernel,
  historyOfField,
  isInRuns,
  listKernels,
  versionsOf,
} from '../../src/explorer/queries.ts';
import { renderText } from '../../src/explorer/render.ts';
import type { OpenDatabase } from '../../src/jobs/site/sqlite.ts';
import { programs, temporaryFolder } from '../btf/made.ts';
import { run } from '../commands/hosts.ts';
import { makeTarballs, readSite, UNAMES, writeArchive } from '../jobs/site/kernels.ts';
import { shared, sharedFiles } from '../shared.ts';
import { fastPlatform } from '../tree/platform.ts';
import { DumpedKernel, plainC } from './bpftool.ts';

/** An archive of kernels; without it the two kernels of openEuler's archive, and small ones that pahole makes. */
const given = process.env.BTFHUB_EXPLORER_ARCHIVE;
/** Types, and fields, that are drawn for each kernel. */
const DRAWN = given === undefined ? 300 : 60;
const SEED = 20261125;

const folder = temporaryFolder();
const platform = fastPlatform();

async function archiveFolder(): Promise<string> {
  if (given !== undefined) return given;
  const archive = join(folder, 'archive');
  const tarballs: Record<string, Buffer> = { ...(await makeTarballs(folder)) };
  const samples = sharedFiles('samples', '.btf.tar.xz').filter((name) => name.endsWith('.xz'));
  if (samples.length === 0) {
    process.stderr.write(
      `only small kernels are compared: there is no ${join(shared, 'samples')}\n`,
    );
  }
  for (const name of samples) {
    tarballs[name.replace('.btf.tar.xz', '')] = readFileSync(join(shared, 'samples', name));
  }
  return writeArchive(archive, tarballs, [
    ...UNAMES,
    ...samples.map((name) => name.replace('.btf.tar.xz', '')),
  ]);
}

/** Draws the same values in every run. */
function draw<Value>(values: readonly Value[], count: number): readonly Value[] {
  if (values.length <= count) return values;
  return fc.sample(fc.constantFrom(...values), { seed: SEED, numRuns: count });
}

const asked = (database: OpenDatabase, kernel: ExplorerKernel, key: string): Definition[] => {
  const [kind = '', ...rest] = key.split(' ');
  return versionsOf(database.rows, rest.join(' '), kind as DefinitionKind)
    .filter(({ runs }) => isInRuns(runs, kernel.position ?? -1))
    .map(({ definition }) => definition);
};

function layoutOf(definition: Definition): string {
  const parts = partsOf(definition).map(partText);
  const isComposite = definition.kind === 'struct' || definition.kind === 'union';
  return (isComposite ? [`${definition.size} bytes`, ...parts] : parts).join('\n');
}

function partText(part: Part): string {
  switch (part.kind) {
    case 'member':
      return `${part.path}: bit ${part.bitOffset}, ${part.bits} bits, ${part.size} bytes`;
    case 'enumerator':
      return `${part.path} = ${part.value}`;
    case 'parameter':
      return part.path;
  }
}

test('types, fields and differences of every kernel are those that bpftool dumps', async () => {
  const archive = await archiveFolder();
  const output = join(folder, 'site');
  await run(platform, site, { archive, output });
  const database = await readSite(output);
  const kernels = listKernels(database.rows);
  const reader = archiveReader(await openArchive(platform, archive));
  const checked = { types: 0, texts: 0, fields: 0, absent: 0, differences: 0 };
  let before: { kernel: ExplorerKernel; dumped: DumpedKernel } | undefined;
  for (const kernel of kernels) {
    let dumped: DumpedKernel | undefined;
    for await (const { tarball } of reader.read([kernel])) {
      const path = join(folder, 'dumped.btf');
      writeFileSync(path, (await unpackBtf(programs, tarball)).btf);
      dumped = new DumpedKernel(path);
    }
    if (dumped === undefined) throw new Error(`no tarball of ${kernel.uname}`);
    const keys = draw(dumped.names(), DRAWN);
    for (const key of keys) {
      const definitions = asked(database, kernel, key);
      const layouts = new Set(definitions.map(layoutOf));
      expect({ key, layouts }).toEqual({ key, layouts: dumped.layouts(key) });
      checked.types++;
      const text = dumped.text(key);
      if (text === undefined) continue;
      expect(definitions.map((one) => plainC(renderText(one)))).toEqual([text]);
      checked.texts++;
    }
    const structs = draw(
      dumped.names().filter((key) => key.startsWith('struct ')),
      DRAWN,
    );
    for (const key of structs) {
      const layouts = [...dumped.layouts(key)];
      const [line] = draw(layouts[0]?.split('\n').slice(1) ?? [], 1);
      if (line === undefined || layouts.length > 1) continue;
      const path = line.slice(0, line.indexOf(': '));
      const found = historyOfField(database.rows, key.slice('struct '.length), path, 'struct')
        .filter(({ runs }) => isInRuns(runs, kernel.position ?? -1))
        .map(({ part }) => part && partText(part));
      expect({ key, path, found }).toEqual({ key, path, found: [line] });
      checked.fields++;
    }
    if (before !== undefined) {
      const { kernel: other, dumped: theirs } = before;
      const changes = new Map(
        diffKernels(database.rows, other, kernel).map(({ kind, name, change }) => [
          `${kind} ${name}`,
          change,
        ]),
      );
      for (const key of draw([...new Set([...dumped.names(), ...theirs.names()])], DRAWN)) {
        const [one, two] = [theirs.layouts(key), dumped.layouts(key)];
        const change = changes.get(key);
        if (one.size === 0 || two.size === 0) {
          expect({ key, change }).toEqual({ key, change: one.size === 0 ? 'added' : 'removed' });
          if (two.size === 0) {
            expect(asked(database, kernel, key)).toEqual([]);
            checked.absent++;
          }
        } else if ([...one].join('\n\n') !== [...two].join('\n\n')) {
          expect({ key, change }).toEqual({ key, change: 'changed' });
        } else expect({ key, change }).not.toEqual({ key, change: 'added' });
        checked.differences++;
      }
    }
    before = { kernel, dumped };
  }
  process.stderr.write(`${kernels.length} kernels: ${JSON.stringify(checked)}\n`);
  expect(checked.types).toBeGreaterThan(kernels.length);
  database.close();
  await reader.close();
}, 3_600_000);
