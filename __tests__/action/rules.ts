import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root, type WorkflowFile } from './files.ts';

type Node = { readonly [key: string]: unknown };

/** A rule of this house for workflows and actions: what breaks it, in words with the place. */
export type Rule = (file: WorkflowFile) => string[];

interface Step {
  readonly where: string;
  readonly step: Node;
}

/**
 * Jobs that may do more than read, and why: attestations are signed for the job's identity, a probe
 * opens an issue, a benchmark comments, scanners upload what they found, a release is written, its
 * container image is pushed.
 */
const WRITERS: Readonly<Record<string, readonly string[]>> = {
  'update-archive.yml attest': ['attestations', 'id-token'],
  'probe.yml report': ['issues'],
  'ci.yml benchmark-comment': ['pull-requests'],
  'release.yml release': ['attestations', 'contents', 'id-token'],
  'release.yml npm': ['id-token'],
  'release.yml container': ['attestations', 'id-token', 'packages'],
  'codeql.yml analyze': ['security-events'],
  'zizmor.yml audit': ['security-events'],
  'publish-site.yml deploy': ['id-token', 'pages'],
  // What a caller grants is what the called jobs need.
  'update-archive.yml archive': ['attestations', 'id-token'],
  'publish-site.yml site': ['id-token', 'pages'],
};

/** Jobs that may hold a token or a secret. */
const HOLDERS = new Set([
  'update-archive.yml publish',
  'update-archive.yml publish-modules',
  'update-archive.yml archive',
  'probe.yml report',
  'ci.yml benchmark-comment',
  'release.yml release',
  'release.yml container',
]);

export const RULES: Readonly<Record<string, Rule>> = {
  'no expression inside run': (file) =>
    stepsOf(file)
      .filter(({ step }) => typeof step.run === 'string' && step.run.includes('${{'))
      .map(({ where }) => `${where}: pass it by env`),

  'actions of others are pinned by commit, with the version beside': (file) =>
    file.text.split('\n').flatMap((line, index) => {
      const [, uses] = /^\s*(?:- )?uses:\s*(\S+)/.exec(line) ?? [];
      if (!uses || uses.startsWith('./') || uses.startsWith(OWN)) return [];
      return /^[\w.-]+(\/[\w.-]+)+@[0-9a-f]{40} # v\d+(\.\d+)*(-[a-z0-9]+)?$/.test(
        line.trim().replace(/^(- )?uses:\s*/, ''),
      )
        ? []
        : [`${file.path}:${index + 1}: ${uses}`];
    }),

  'no permission at the top': (file) => {
    const { permissions } = parse(file.text) as Node;
    if (isAction(file) || JSON.stringify(permissions) === '{}') return [];
    return [`${file.path}: permissions: ${JSON.stringify(permissions)}`];
  },

  'each job asks for the least': (file) =>
    jobsOf(file).flatMap(({ id, job }) => {
      const asked = job.permissions as Record<string, string> | undefined;
      if (asked === undefined || typeof asked !== 'object') return [`${id}: says nothing, or all`];
      const written = Object.keys(asked).filter((scope) => asked[scope] !== 'read');
      return written
        .filter((scope) => !WRITERS[id]?.includes(scope))
        .map((scope) => `${id}: ${scope}`);
    }),

  'tokens only where they are used': (file) =>
    jobsOf(file)
      .filter(({ id, job }) => {
        const text = JSON.stringify(job);
        return !HOLDERS.has(id) && /\bsecrets\.|\bsecrets"|github\.token|GITHUB_TOKEN/.test(text);
      })
      .map(({ id }) => id),

  'a checkout keeps no credentials': (file) =>
    stepsOf(file)
      .filter(({ step }) => String(step.uses).startsWith('actions/checkout@'))
      .filter(({ step }) => (step.with as Node | undefined)?.['persist-credentials'] !== false)
      .map(({ where }) => where),

  'each job has a name and an end': (file) =>
    jobsOf(file)
      .filter(({ job }) => !job.uses && !(job.name && job['timeout-minutes']))
      .map(({ id }) => id),

  'each workflow says what may overlap': (file) => {
    const { concurrency, on } = parse(file.text) as Node;
    const calledOnly = isAction(file) || concurrency !== undefined;
    return calledOnly || jobsOf(file).every(({ job }) => job.uses) ? [] : [`${file.path}: ${on}`];
  },

  'each input, output and secret is described': (file) => {
    const document = parse(file.text) as Node;
    const on = (document.on ?? {}) as Node;
    const tables = isAction(file)
      ? [document.inputs, document.outputs]
      : [
          at(on.workflow_dispatch, 'inputs'),
          ...['inputs', 'outputs', 'secrets'].map((name) => at(on.workflow_call, name)),
        ];
    return tables.flatMap((table) =>
      Object.entries((table ?? {}) as Record<string, Node>)
        .filter(([, entry]) => typeof entry?.description !== 'string' || entry.description === '')
        .map(([name]) => `${file.path}: ${name}`),
    );
  },

  'a script of an action runs in bash': (file) =>
    isAction(file)
      ? stepsOf(file)
          .filter(({ step }) => step.run !== undefined && step.shell !== 'bash')
          .map(({ where }) => where)
      : [],
};

/** Where this project lives: its own workflows and actions are named by version. */
const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const OWN = `${repository.replace('github:', '')}/`;

function isAction(file: WorkflowFile): boolean {
  return file.path.endsWith('action.yml');
}

function jobsOf(file: WorkflowFile): { readonly id: string; readonly job: Node }[] {
  const { jobs = {} } = parse(file.text) as { jobs?: Record<string, Node> };
  const name = file.path.split('/').at(-1);
  return Object.entries(jobs).map(([id, job]) => ({ id: `${name} ${id}`, job }));
}

function stepsOf(file: WorkflowFile): Step[] {
  const lists = isAction(file)
    ? [{ id: file.path, steps: at((parse(file.text) as Node).runs, 'steps') }]
    : jobsOf(file).map(({ id, job }) => ({ id, steps: job.steps }));
  return lists.flatMap(({ id, steps }) =>
    ((steps ?? []) as Node[]).map((step, index) => ({ where: `${id}, step ${index + 1}`, step })),
  );
}

function at(node: unknown, key: string): unknown {
  return typeof node === 'object' && node !== null ? (node as Node)[key] : undefined;
}
