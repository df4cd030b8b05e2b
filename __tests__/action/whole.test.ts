import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './files.ts';
import { type Run, runWorkflow, type Trigger } from './runner/workflow.ts';
import { openSite, ownersWorkflow, type Site, TOKEN } from './site.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

let nights = 0;

/** One run of the workflow that the archive's owners have. */
async function night(
  extra: Readonly<Record<string, unknown>> = {},
  trigger: Partial<Trigger> = {},
): Promise<Run> {
  const path = join(site.folder, 'owners.yml');
  writeFileSync(path, ownersWorkflow(site, extra));
  site.services.beginRun();
  nights += 1;
  return runWorkflow(path, {
    ...{ project: root, services: site.services, home: join(site.folder, `night${nights}`) },
    ...{ event: 'schedule', secrets: { BTFHUB_TOKEN: TOKEN }, ...trigger },
  });
}

const results = ({ jobs }: Run) => jobs.map(({ name, result }) => `${name}: ${result}`);

const nothingDone = ['Plan: failure', 'build: skipped', 'attest: skipped', 'publish: skipped'];

test.each([
  ['limit', 'many', "limit (BTFHUB_LIMIT): 'many' is no limit"],
  ['release', '22.03-LTS-SP9', "No release is named '22.03-LTS-SP9'. There are: 22.03-LTS-SP1"],
  ['arch', 'x86-64; reboot', "'x86-64;'"],
])('a bad %s is refused with a clear line, and nothing else runs', async (name, value, line) => {
  const run = await night({ [name]: value });
  expect(results(run)).toEqual(nothingDone);
  const [plan] = run.jobs;
  const annotations = plan?.log.split('\n').filter((one) => one.startsWith('::error ')) ?? [];
  expect(annotations).toHaveLength(1);
  expect(annotations[0]).toContain(line);
  expect(run.result).toBe('failure');
});
