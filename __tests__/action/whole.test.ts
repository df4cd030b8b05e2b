import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commit, head, read, tree } from '../git/repositories.ts';
import { root } from './files.ts';
import { sha256 } from './runner/host.ts';
import { type Run, runWorkflow, type Trigger } from './runner/workflow.ts';
import { openSite, ownersWorkflow, type Site, TOKEN } from './site.ts';

let site: Site;
beforeEach(async () => {
  site = await openSite();
  nights = 0;
});
afterEach(() => site.close());

/** Milliseconds: real programs, many of them; each of these takes half a minute on an idle machine. */
const A_NIGHT = 300_000;

/** The kernels of the releases' days: one of each release and architecture. */
const FOUR = { kernel: '5.10.0-136.12.* 6.6.0-28.*' };

let nights: number;

/** One run of the workflow that the archive's owners have. */
async function night(
  extra: Readonly<Record<string, unknown>> = {},
  trigger: Partial<Trigger> = {},
): Promise<Run> {
  const path = join(site.folder, 'owners.yml');
  writeFileSync(path, ownersWorkflow(site, extra));
  // A second attempt finds the artifacts of the first.
  if (trigger.attempt === undefined) site.services.beginRun();
  nights += 1;
  return runWorkflow(path, {
    project: root,
    services: site.services,
    home: join(site.folder, `night${nights}`),
    event: 'schedule',
    number: nights,
    secrets: { BTFHUB_TOKEN: TOKEN },
    ...trigger,
  });
}

const results = ({ jobs }: Run) => jobs.map(({ name, result }) => `${name}: ${result}`);

test(
  'a night from the plan to the pull request; the next one finds nothing to do',
  async () => {
    const run = await night(FOUR);
    expect(results(run)).toEqual([
      'Plan: success',
      'Build 22.03-LTS-SP1 aarch64 1: success',
      'Build 22.03-LTS-SP1 x86_64 2: success',
      'Build 24.03-LTS aarch64 3: success',
      'Build 24.03-LTS x86_64 4: success',
      'Attest: success',
      'Publish: success',
      'publish-modules: skipped',
    ]);
    const published = tree(site.archive, 'next');
    const tarballs = Object.keys(published).filter((path) => path.endsWith('.btf.tar.xz'));
    // Those of Arm stand under both names.
    expect(tarballs).toHaveLength(6);
    expect(tarballs).toContain(
      'openEuler/22.03/aarch64/5.10.0-136.12.0.86.oe2203sp1.aarch64.btf.tar.xz',
    );
    expect(Object.keys(site.services.attested)).toHaveLength(4);
    const kept = Object.keys(tree(site.archive, 'catalog')).filter((path) =>
      path.startsWith('attestations/'),
    );
    expect(kept).toHaveLength(4);
    for (const [path, sum] of Object.entries(site.services.attested)) {
      const artifact = site.services
        .artifactNames()
        .map((name) => join(site.services.artifact(name), path.replace(/^btf\//, '')))
        .find(existsSync);
      expect(sha256(artifact ?? '')).toBe(sum);
    }
    expect(site.forge.pulls).toHaveLength(1);
    const publish = run.jobs.find(({ name }) => name === 'Publish');
    expect(publish?.summary).toContain('https://forge.test/openeuler/archive/pulls/1');
    expect(publish?.outputs['pull-request-url']).toBe(
      'https://forge.test/openeuler/archive/pulls/1',
    );
    expect(run.jobs.map(({ log }) => log.replace(`::add-mask::${TOKEN}`, '')).join()).not.toContain(
      TOKEN,
    );

    const next = await night(FOUR);
    const group = `btfhub-${site.archiveUrl}`;
    expect(results(next)).toEqual([
      'Plan: success',
      'build: skipped',
      'attest: skipped',
      'publish: skipped',
      'publish-modules: skipped',
    ]);
    expect(next.result).toBe('success');
    // The second plan had the first one's metadata, and left its own.
    expect(site.services.cacheKeys()).toHaveLength(2);
    // The two would have waited for each other, had they met.
    expect([run.concurrency, next.concurrency]).toEqual([[group], [group]]);
    expect(site.forge.pulls).toHaveLength(1);
  },
  A_NIGHT,
);

test(
  'a second attempt of a run replaces the artifacts of the first, and publishes',
  async () => {
    const kernel = '5.10.0-136.12.0.86.oe2203sp1.x86_64';
    const first = await night({ kernel }, { secrets: {} });
    expect(results(first)).toContain('Attest: success');
    expect(results(first)).toContain('Publish: failure');
    const second = await night({ kernel }, { attempt: 2 });
    expect(second.result).toBe('success');
    expect(results(second)).toContain('Publish: success');
    expect(site.forge.pulls).toHaveLength(1);
  },
  2 * A_NIGHT,
);

test(
  'files with modules have an artifact, branches and a pull request of their own, also for kernels that the archive has',
  async () => {
    const kernels = { release: '24.03-LTS', arch: 'x86_64', kernel: '6.6.0-28.*' };
    const path = 'openEuler/24.03/x86_64/6.6.0-28.0.0.34.oe2403.x86_64.btf.tar.xz';
    commit(site.archive, 'modules', { 'README.md': '# BTF with modules\n' });
    await night(kernels);
    const next = head(site.archive, 'next');
    const catalog = read(site.archive, 'catalog', 'catalog.json');

    const second = await night({ ...kernels, modules: 'xfs' });
    expect(results(second)).toEqual([
      'Plan: success',
      'Build 24.03-LTS x86_64 1: success',
      'Attest: success',
      'publish: skipped',
      'Publish modules: success',
    ]);
    expect(tree(site.archive, 'modules-next')).toHaveProperty([path]);
    expect(head(site.archive, 'next')).toBe(next);
    expect(site.forge.pulls.map((pull) => [pull.head.ref, pull.base.ref])).toEqual([
      ['next', 'master'],
      ['modules-next', 'modules'],
    ]);
    expect(read(site.archive, 'catalog', 'catalog.json')).toBe(catalog);
    expect(read(site.archive, 'catalog', 'modules.json')).toContain(path);
    expect(Object.keys(site.services.attested)).toContain(`btf-modules/${path}`);
    const outputs = second.jobs.at(-1)?.outputs;
    expect(outputs?.['pull-request-url']).toMatch(/pulls\/2$/);

    const both = await night({ ...kernels, kernel: '6.6.0-41.*', modules: 'xfs' });
    expect(results(both).slice(-2)).toEqual(['Publish: success', 'Publish modules: success']);
    expect(site.services.artifactNames()).toEqual([
      'attestation',
      'btf-1',
      'btfhub-plan',
      'modules-btf-1',
    ]);
    expect(site.forge.pulls).toHaveLength(2);
    expect(
      (await night({ ...kernels, kernel: '', modules: 'xfs' })).jobs[0]?.outputs,
    ).toMatchObject({
      count: '0',
    });
  },
  2 * A_NIGHT,
);

const nothingDone = [
  'Plan: failure',
  'build: skipped',
  'attest: skipped',
  'publish: skipped',
  'publish-modules: skipped',
];

test.each([
  ['limit', 'many', "limit (BTFHUB_LIMIT): 'many' is no limit"],
  ['release', '22.03-LTS-SP9', '--release 22.03-LTS-SP9 matches nothing. There are: 22.03-LTS-SP1'],
  ['arch', 'x86-64; reboot', '--arch x86-64; matches nothing'],
])('a bad %s is refused with a clear line, and nothing else runs', async (name, value, line) => {
  const run = await night({ [name]: value });
  expect(results(run)).toEqual(nothingDone);
  const [plan] = run.jobs;
  const annotations = plan?.log.split('\n').filter((one) => one.startsWith('::error ')) ?? [];
  expect(annotations).toHaveLength(1);
  expect(annotations[0]).toContain(line);
  expect(run.result).toBe('failure');
});
