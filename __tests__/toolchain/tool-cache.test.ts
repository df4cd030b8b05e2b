import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fingerprint, RECIPES, type Recipe } from '../../src/toolchain/recipes.ts';
import {
  defaultCacheFolder,
  discardTool,
  findTool,
  saveTool,
  toolFolder,
} from '../../src/toolchain/tool-cache.ts';
import { temporaryFolder } from './programs.ts';

const RECIPE: Recipe = {
  tool: 'pahole',
  version: '1.31',
  parts: [],
  cmake: [],
  target: 'pahole',
};

function finishedTool(text: string): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/pahole'), text);
  return folder;
}

test("the cache is the runner's, else the user's, as the XDG specification has it", () => {
  expect(defaultCacheFolder({ RUNNER_TOOL_CACHE: '/opt/tools', HOME: '/h' })).toBe('/opt/tools');
  expect(defaultCacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' })).toBe('/x/btfhub/tools');
  expect(defaultCacheFolder({ XDG_CACHE_HOME: '', HOME: '/h' })).toBe('/h/.cache/btfhub/tools');
});

test('environment and standard output are as before after a tool was kept and found', async () => {
  const cache = temporaryFolder();
  const before = { env: { ...process.env }, write: process.stdout.write };
  const lines: string[] = [];
  process.stdout.write = ((text: string) => lines.push(text) > 0) as typeof process.stdout.write;
  try {
    const { write } = process.stdout;
    const kept = await saveTool(cache, RECIPE, finishedTool('sound'));
    expect(await findTool(cache, RECIPE)).toBe(kept);
    await expect(saveTool(cache, RECIPE, join(cache, 'nothing'))).rejects.toThrow('ENOENT');
    expect(process.stdout.write).toBe(write);
  } finally {
    process.stdout.write = before.write;
  }
  expect(lines).toEqual([]);
  expect({ ...process.env }).toEqual(before.env);
});

test('what is not complete is not found', async () => {
  const cache = temporaryFolder();
  expect(await findTool(cache, RECIPE)).toBeUndefined();
  mkdirSync(toolFolder(cache, RECIPE), { recursive: true });
  expect(await findTool(cache, RECIPE)).toBeUndefined();
});

test('of many that keep the same tool at once one wins, whole, and nothing else is left', async () => {
  const cache = temporaryFolder();
  const texts = Array.from({ length: 12 }, (_, index) => `tool ${index}`);
  const folders = await Promise.all(
    texts.map((text) => saveTool(cache, RECIPE, finishedTool(text))),
  );
  const kept = toolFolder(cache, RECIPE);
  expect(new Set(folders)).toEqual(new Set([kept]));
  expect(texts).toContain(readFileSync(join(kept, 'bin/pahole'), 'utf8'));
  expect(readdirSync(dirname(kept))).toHaveLength(2);
  expect(await findTool(cache, RECIPE)).toBe(kept);
});

test('a tool in use stays as it is when another process brings the same', async () => {
  const cache = temporaryFolder();
  const kept = await saveTool(cache, RECIPE, finishedTool('first'));
  await saveTool(cache, RECIPE, finishedTool('second'));
  expect(readFileSync(join(kept, 'bin/pahole'), 'utf8')).toBe('first');
});

test('a discarded tool is gone as a whole, and its place is free', async () => {
  const cache = temporaryFolder();
  const kept = await saveTool(cache, RECIPE, finishedTool('broken'));
  await discardTool(cache, RECIPE);
  expect(existsSync(kept)).toBe(false);
  expect(readdirSync(dirname(kept))).toEqual([]);
  await discardTool(cache, RECIPE);
  await saveTool(cache, RECIPE, finishedTool('sound'));
  expect(readFileSync(join(kept, 'bin/pahole'), 'utf8')).toBe('sound');
});

test('a kept program that was changed is not used', async () => {
  const cache = temporaryFolder();
  const kept = await saveTool(cache, RECIPE, finishedTool('sound'));
  for (const change of [
    () => writeFileSync(join(kept, 'bin/pahole'), 'planted'),
    () => writeFileSync(join(kept, 'bin/another'), ''),
    () => rmSync(join(kept, 'SHA256SUMS')),
  ]) {
    change();
    await expect(findTool(cache, RECIPE)).rejects.toMatchObject({ reason: 'checksum-mismatch' });
    await discardTool(cache, RECIPE);
    await saveTool(cache, RECIPE, finishedTool('sound'));
    expect(await findTool(cache, RECIPE)).toBe(kept);
  }
});

test('a folder that was planted without a mark is replaced', async () => {
  const cache = temporaryFolder();
  const folder = toolFolder(cache, RECIPE);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin/pahole'), 'planted');
  await saveTool(cache, RECIPE, finishedTool('sound'));
  expect(readFileSync(join(folder, 'bin/pahole'), 'utf8')).toBe('sound');
});

test('what cannot be copied leaves nothing behind', async () => {
  const cache = temporaryFolder();
  await expect(saveTool(cache, RECIPE, join(cache, 'nothing'))).rejects.toThrow('ENOENT');
  expect(readdirSync(dirname(toolFolder(cache, RECIPE)))).toEqual([]);
});

test('every recipe has a fingerprint of its own, that each of its parts changes', () => {
  const all = RECIPES.map(fingerprint);
  expect(new Set(all).size).toBe(RECIPES.length);
  const changed: Recipe[] = [
    { ...RECIPE, cmake: ['-DA=1'] },
    { ...RECIPE, companion: { name: 'a', source: 'b', target: 'c', library: 'd', headers: 'e' } },
    { ...RECIPE, parts: [{ repository: 'xz', commit: '0'.repeat(40), path: '.' }] },
  ];
  expect(new Set([RECIPE, ...changed].map(fingerprint)).size).toBe(4);
});
