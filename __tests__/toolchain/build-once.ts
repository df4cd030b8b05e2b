import { silent } from '../../src/report/progress.ts';
import { prepareToolchain } from '../../src/toolchain/prepare.ts';
import { systemClock } from '../../src/world/clock.ts';
import { systemPrograms } from '../../src/world/programs.ts';

/** A process of its own that prepares the tools: what two runs on one machine are, or one that is killed. */
const [wishes = '', supply = ''] = process.argv.slice(2);
const world = {
  env: process.env,
  programs: systemPrograms(process.env),
  clock: systemClock,
  interrupted: new AbortController().signal,
};
const { pahole } = await prepareToolchain(world, JSON.parse(wishes), silent, JSON.parse(supply));
process.stdout.write(JSON.stringify({ path: pahole.path, origin: pahole.origin }));
