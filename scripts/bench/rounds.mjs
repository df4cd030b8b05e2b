// The rounds of the benchmark: in each one every contender runs once, so that what else the machine
// does meets them all.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { byMethod, compress, decode, encode, ours, shell } from './contenders.mjs';
import { run, takeApart } from './kernels.mjs';
import { measure } from './measure.mjs';
import { median, seconds } from './table.mjs';

/**
 * @param {object} ground
 * @param {{setup: object, system: object}} ground.tools
 * @param {string} ground.mirror
 * @param {import('./kernels.mjs').Kernel[]} ground.kernels built in one go
 * @param {string} ground.work a folder for what is passing
 * @param {number} ground.cores
 * @param {number} rounds
 * @returns {Promise<Record<'setup'|'system'|'shell'|'floorSetup'|'floorSystem', object[]>>}
 */
export async function playRounds({ tools, mirror, kernels, work, cores }, rounds) {
  const parts = kernels.map((kernel) => takeApart(kernel, work));
  // Last before the rounds: it warms the machine up, whose memory the parts have just turned over.
  const flags = {};
  for (const name of ['system', 'setup'])
    flags[name] = flagsOf(tools[name], mirror, kernels[0], work);
  const once = (title, make) => runOnce(title, make, join(work, 'run'));
  const floor = (name) =>
    kernels.length === 1
      ? floorOfOne(tools[name], parts[0], flags[name], join(work, 'floor'), cores)
      : floorOfMany(tools[name], parts, flags[name], join(work, 'floor'), cores);
  const results = { setup: [], system: [], shell: [], floorSetup: [], floorSystem: [] };
  for (let round = 0; round < rounds; round++) {
    // Each beside its floor: what else the machine does changes within minutes.
    for (const [name, floorOf] of Object.entries({ setup: 'floorSetup', system: 'floorSystem' })) {
      const make = (folder) => ours(tools[name], mirror, kernels, folder);
      results[name].push(await once(`btfhub, ${tools[name].name}`, make));
      results[floorOf].push(await floor(name));
    }
    const script = (folder) => shell(tools.system, mirror, kernels, folder, flags.system);
    results.shell.push(await once(`shell, ${tools.system.name}`, script));
  }
  for (const file of parts.flatMap(Object.values)) rmSync(file);
  return results;
}

/**
 * btfhub alone, with the package in ranges over several connections and as one plain stream.
 * @returns {Promise<Record<'ranges'|'plain', object[]>>}
 */
export async function playStreams({ tools, mirror, plain, kernels, work }, rounds) {
  const results = { ranges: [], plain: [] };
  for (let round = 0; round < rounds; round++) {
    const pair = Object.entries({ ranges: mirror, plain });
    // The first of a pair is a little slower.
    for (const [name, url] of round % 2 === 0 ? pair : pair.reverse()) {
      const make = (folder) => ours(tools.setup, url, kernels, folder);
      results[name].push(await runOnce(`btfhub, ${name}`, make, join(work, 'run')));
    }
  }
  return results;
}

/**
 * Two bundles on the same kernels with the same tools, in turn.
 * @param {{base: string, head: string}} bundles
 * @returns {Promise<Record<'base'|'head', object[]>>}
 */
export async function playBundles({ choice, mirror, kernels, work }, bundles, rounds) {
  const results = { base: [], head: [] };
  const once = (name) => {
    const make = (folder) => ours({ choice }, mirror, kernels, folder, bundles[name]);
    return runOnce(name, make, join(work, 'run'));
  };
  // Brings the tools of each, and its files into memory: not counted.
  for (const name of ['base', 'head']) await once(name);
  for (let round = 0; round < rounds; round++) {
    // The first of a pair is a little slower.
    const names = round % 2 === 0 ? ['base', 'head'] : ['head', 'base'];
    for (const name of names) results[name].push(await once(name));
  }
  return results;
}

/**
 * One kernel by its boot image on one core in each round, and once all releases by each method.
 * @param {Awaited<ReturnType<import('./kernels.mjs').openReleases>>} ground
 * @returns {Promise<{one: object[], embedded: object, dwarf: object}>} measured; `read`: bytes of packages that
 *   the server sent; `after`: seconds from the last of them to the record of the checked tarball; `built`: kernels
 */
export async function playMethods(tools, ground, work, rounds) {
  const folder = join(work, 'run');
  const play = async (method, alone) => {
    clear(folder);
    const made = byMethod(tools, method, ground, folder, alone);
    const before = ground.sent();
    const measured = await measure({ ...made, folder }, alone);
    const read = ground.sent() - before;
    say(`btfhub, ${alone ? 'one kernel' : 'all releases'}, --method ${method}`, measured);
    return { ...measured, read, ...readIn(readFileSync(join(folder, 'times.log'), 'utf8')) };
  };
  const one = [];
  for (let round = 0; round < rounds; round++) one.push(await play('embedded', true));
  return { one, embedded: await play('embedded', false), dwarf: await play('dwarf', false) };
}

/** What the reports of `build --json` say, with the lines of the progress before it. */
function readIn(log) {
  const documents = log.match(/^\{.+\}$|^\{\n[\s\S]*?^\}$/gm) ?? [];
  const kernels = documents.flatMap((text) => JSON.parse(text).kernels);
  const after = ({ seconds: all, record }) => all - record.stages.download.seconds;
  return {
    built: kernels.filter(({ state }) => state === 'built').length,
    after: median(kernels.map(after)),
  };
}

/** The flags that btfhub gives to this pahole, out of a record of its own. */
function flagsOf(tools, mirror, kernel, work) {
  const folder = join(work, 'flags');
  const { program, args } = ours(tools, mirror, [kernel], folder);
  const { kernels } = JSON.parse(run(program, [...args, '--json']));
  rmSync(folder, { recursive: true, force: true });
  return kernels[0].record.pahole.flags;
}

async function runOnce(title, make, folder) {
  clear(folder);
  const result = await measure({ ...make(folder), folder });
  say(title, result);
  return result;
}

/** An empty folder, on a disk that has written everything of the contender before. */
function clear(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  run('sync', []);
}

function say(title, { wall, cpu }) {
  process.stderr.write(`  ${title}: ${seconds(wall)}, CPU ${seconds(cpu)}\n`);
}

/** The three parts alone, one after the other. */
async function floorOfOne(tools, { payload, vmlinux }, flags, folder, jobs) {
  clear(folder);
  const steps = [
    decode(tools, payload),
    encode(tools, vmlinux, folder, flags, jobs),
    compress(tools, join(folder, 'floor.btf')),
  ];
  const floor = { wall: 0, cpu: 0 };
  for (const step of steps) {
    const { wall, cpu } = await measure({ ...step, folder });
    floor.wall += wall;
    floor.cpu += cpu;
  }
  say(`floor, ${tools.name}`, floor);
  return floor;
}

/** The CPU seconds of the same parts of all kernels, spread over all cores. */
async function floorOfMany(tools, parts, flags, folder, cores) {
  let cpu = 0;
  for (const one of parts) cpu += (await floorOfOne(tools, one, flags, folder, 1)).cpu;
  return { wall: cpu / cores, cpu };
}
