import { systemClock } from '../../src/platform/clock.ts';
import { systemPrograms } from '../../src/platform/programs.ts';
import { silent } from '../../src/report/progress.ts';
import { prepareToolchain } from '../../src/toolchain/prepare.ts';

/** A process of its own that prepares the tools: what two runs on one machine are, or one that is killed. */
const [request = '', toolSources = ''] = process.argv.slice(2);
const platform = {
  env: process.env,
  programs: systemPrograms(process.env),
  clock: systemClock,
  interrupted: new AbortController().signal,
};
const { pahole } = await prepareToolchain(
  platform,
  JSON.parse(request),
  silent,
  JSON.parse(toolSources),
);
process.stdout.write(JSON.stringify({ path: pahole.path, origin: pahole.origin }));
