import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { readObject } from '../../src/btf/core/object.ts';
import { KernelTypes } from '../../src/btf/core/resolve.ts';
import { bytesSource } from '../../src/btf/elf.ts';
import { Btf } from '../../src/btf/reader.ts';
import { judge } from '../../src/verifier/verdict.ts';
import { KERNELS, PROGRAMS } from '../btf/core/cases.ts';
import { compileBpf, paholeBtf, temporaryFolder } from '../btf/made.ts';

const folder = temporaryFolder();
const engine = join(import.meta.dirname, '..', '..', 'src', 'verifier', 'engine.ts');

/** The engine as a browser gets it, in a context with what browsers have and without what Node has. */
async function inBrowser(): Promise<(object: Uint8Array, btf: Uint8Array) => Promise<string>> {
  const { outputFiles, warnings } = await build({
    entryPoints: [engine],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'engine',
    write: false,
    logLevel: 'silent',
  });
  expect(warnings).toEqual([]);
  const context = createContext({ TextDecoder });
  runInContext(outputFiles[0]?.text ?? '', context);
  return runInContext(
    `async (object, btf) => {
      if (typeof Buffer !== 'undefined' || typeof process !== 'undefined') throw new Error('Node');
      const { bytesSource, readObject, KernelTypes, Btf, judge } = engine;
      const read = await readObject(bytesSource('object', new Uint8Array(object)));
      return JSON.stringify(judge(read, new KernelTypes(new Btf(new Uint8Array(btf)))));
    }`,
    context,
  );
}

test('a browser gets the same verdicts, without Node', async () => {
  const check = await inBrowser();
  const kernels = [KERNELS.base, KERNELS.poor].map((source) => paholeBtf(folder, source ?? ''));
  const verdicts = new Set<string>();
  for (const name of ['fields', 'arrays', 'guarded', 'enumerators', 'in a function']) {
    const object = readFileSync(compileBpf(folder, PROGRAMS[name] ?? '', 'bpf'));
    const read = await readObject(bytesSource('object', object));
    for (const btf of kernels) {
      const verdict = await check(object, btf);
      expect(JSON.parse(verdict)).toEqual(judge(read, new KernelTypes(new Btf(btf))));
      verdicts.add(verdict);
    }
  }
  expect(verdicts.size).toBeGreaterThan(5);
});
