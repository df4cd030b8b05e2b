import { spawn } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { Failure } from '../../src/failure.ts';
import { toolFolder } from '../../src/toolchain/tool-cache.ts';
import { everything, machine, RECIPE } from './machine.ts';
import { temporaryFolder } from './programs.ts';
import { run } from './remotes.ts';

const folder = temporaryFolder();

/** Holds a build where its program is linked, until it is opened. */
function gate() {
  const place = temporaryFolder();
  run('mkfifo', [join(place, 'reached'), join(place, 'gate')]);
  return {
    env: { BTFHUB_TEST_GATE: place },
    /** Resolves when the build stands before it; rejects when it ends without having come there. */
    reached: async (build: Promise<unknown>) => {
      const reader = spawn('cat', [join(place, 'reached')]);
      const there = new Promise((closed) => reader.once('close', closed));
      const over = build.then((result) => {
        throw new Error(`the build is over: ${JSON.stringify(result)}`);
      });
      await Promise.race([there, over]).finally(() => reader.kill());
      over.catch(() => {});
    },
  };
}

/** A process that prepares the tools, as another run of the program does. */
function otherProcess(stage: ReturnType<typeof machine>, env: Record<string, string> = {}) {
  const bundle = join(folder, 'build-once.mjs');
  if (!existsSync(bundle)) {
    const entryPoints = [join(import.meta.dirname, 'build-once.ts')];
    buildSync({
      entryPoints,
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: bundle,
      // @actions/tool-cache is CommonJS and calls require.
      banner: {
        js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
      },
    });
  }
  const child = spawn(
    process.execPath,
    [bundle, JSON.stringify(stage.request), JSON.stringify(stage.toolSources)],
    { env: { ...process.env, RUNNER_TEMP: stage.temporary, ...env } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  const ended = new Promise<string>((closed) => child.once('exit', () => closed(output)));
  return { child, ended };
}

test('an interrupted build ends with all that it started, and leaves nothing', async () => {
  const stage = machine();
  const { env, reached } = gate();
  const interruption = new AbortController();
  const reason = new Failure('interrupted', 'Stopped by SIGINT.');
  const building = stage.prepare({ env, signal: interruption.signal });
  await reached(building);
  interruption.abort(reason);
  await expect(building).rejects.toBe(reason);
  expect([everything(stage.cacheFolder), everything(stage.temporary)]).toEqual([[], []]);
  expect(run('ps', ['-eo', 'args'])).not.toContain(env.BTFHUB_TEST_GATE);
});

test('a build that is killed leaves nothing half made in the cache, and the next one works', async () => {
  const stage = machine();
  const { env, reached } = gate();
  const { child, ended } = otherProcess(stage, env);
  await reached(ended);
  child.kill('SIGKILL');
  await ended;
  expect(everything(stage.cacheFolder)).toEqual([]);
  writeFileSync(join(env.BTFHUB_TEST_GATE, 'gate'), '');
  expect((await stage.prepare()).pahole.origin).toBe('built');
});

test('two at once both get a tool that runs, and it is kept once', async () => {
  const stage = machine();
  const answers = await Promise.all([otherProcess(stage).ended, otherProcess(stage).ended]);
  const paths = answers.map((answer) => JSON.parse(answer).path);
  const kept = toolFolder(stage.cacheFolder, RECIPE);
  expect(paths).toEqual([join(kept, 'bin/pahole'), join(kept, 'bin/pahole')]);
  expect(readdirSync(join(kept, '..')).sort()).toEqual(
    [kept, `${kept}.complete`].map((path) => path.split('/').at(-1)),
  );
  expect(run(paths[0], ['--version'])).toBe('v1.31');
});
