import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isMapping, isSequence, isString } from '@actions/workflow-parser';
import type { MappingToken } from '@actions/workflow-parser/templates/tokens/mapping-token';
import type { TemplateToken } from '@actions/workflow-parser/templates/tokens/template-token';
import { contextsOf, machineOf, permissionsOf, type Trigger, type Workflow } from './context.ts';
import { child, readWorkflow } from './document.ts';
import { asText, holds, resolve, resolveTexts, type Table } from './expressions.ts';
import { checkCallInputs, checkPermissions } from './inputs.ts';
import { expandMatrix } from './matrix.ts';
import { type Frame, type JobState, runSteps } from './steps.ts';

export type { Trigger } from './context.ts';

export type Conclusion = 'success' | 'failure' | 'skipped';

export interface JobRun {
  /** The job's id, behind the caller's where a workflow called it: `archive / build`. */
  readonly id: string;
  readonly name: string;
  readonly matrix: Table;
  readonly result: Conclusion;
  readonly outputs: Readonly<Record<string, string>>;
  readonly log: string;
  readonly summary: string;
}

export interface Run {
  readonly result: Conclusion;
  readonly jobs: readonly JobRun[];
  /** Groups of `concurrency`, of this workflow and of those it called: what waits for each other. */
  readonly concurrency: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
}

/** Runs a workflow from its event to its end; throws what GitHub would refuse to start. */
export async function runWorkflow(path: string, trigger: Trigger): Promise<Run> {
  const document = await readWorkflow(path);
  const secrets = { ...trigger.secrets };
  return run({
    document,
    trigger,
    inputs: {},
    secrets,
    granted: undefined,
    prefix: '',
    groups: [],
  });
}

async function run(workflow: Workflow): Promise<Run> {
  const { document } = workflow;
  const scope = { contexts: contextsOf(workflow), status: 'success' as const };
  const concurrency = document.find('concurrency');
  const group = concurrency && (isMapping(concurrency) ? concurrency.find('group') : concurrency);
  if (group) workflow.groups.push(asText(resolve(group, scope)));
  const finished = new Map<string, { result: Conclusion; outputs: Record<string, string> }>();
  const runs: JobRun[] = [];
  for (const { id, job } of inOrder(document)) {
    const needs = needsOf(job);
    const ran = await runJob(workflow, id, job, needs, finished);
    runs.push(...ran);
    finished.set(id, { result: worst(ran), outputs: Object.assign({}, ...ran.map(nonEmpty)) });
  }
  const jobs = Object.fromEntries([...finished].map(([id, one]) => [id, { ...one }]));
  const call = child(child(document, 'on'), 'workflow_call');
  const outputs = [...(child(call, 'outputs') ?? [])].map(({ key, value }) => [
    key.toString(),
    asText(
      resolve(isMapping(value) ? value.find('value') : undefined, {
        contexts: { ...contextsOf(workflow), jobs },
        status: 'success',
      }),
    ),
  ]);
  return {
    result: worst([...finished.values()]),
    jobs: runs,
    concurrency: workflow.groups,
    outputs: Object.fromEntries(outputs),
  };
}

type Finished = Map<string, { result: Conclusion; outputs: Record<string, string> }>;

async function runJob(
  workflow: Workflow,
  id: string,
  job: MappingToken,
  needs: readonly string[],
  finished: Finished,
): Promise<JobRun[]> {
  const needed = Object.fromEntries(needs.map((one) => [one, finished.get(one) ?? {}])) as Table;
  const before = ancestors(workflow.document, needs).map((one) => finished.get(one)?.result);
  const status = before.includes('failure')
    ? 'failure'
    : before.includes('skipped')
      ? 'skipped'
      : 'success';
  const base = { ...contextsOf(workflow), needs: needed };
  const fullId = `${workflow.prefix}${id}`;
  if (!holds(job.find('if'), { contexts: base, status })) {
    return [
      { id: fullId, name: id, matrix: {}, result: 'skipped', outputs: {}, log: '', summary: '' },
    ];
  }
  const strategy = resolve(job.find('strategy'), { contexts: base, status }) as Table | null;
  const matrix = strategy?.matrix ? expandMatrix(strategy.matrix as Table) : [{}];
  const failFast = strategy !== null && strategy['fail-fast'] !== false;
  const runs: JobRun[] = [];
  for (const [index, combination] of matrix.entries()) {
    if (failFast && runs.some((one) => one.result === 'failure')) break;
    const contexts: Table = {
      ...base,
      matrix: combination,
      // act and Gitea's runner know no job-index, so no file may depend on it.
      strategy: { 'fail-fast': failFast },
    };
    const leg = { workflow, id, fullId, job, contexts, number: index };
    runs.push(...(job.find('uses') ? await runCalled(leg) : [await runLeg(leg)]));
  }
  return runs;
}

interface Leg {
  readonly workflow: Workflow;
  readonly id: string;
  readonly fullId: string;
  readonly job: MappingToken;
  readonly contexts: Table;
  readonly number: number;
}

async function runLeg({ workflow, id, fullId, job, contexts, number }: Leg): Promise<JobRun> {
  const { trigger, document } = workflow;
  const home = join(trigger.home, `${fullId.replace(/ \/ /g, '-')}-${number}`);
  const workspace = join(home, 'workspace');
  const temp = join(home, 'temp');
  const tools = join(home, 'tools');
  for (const folder of [workspace, temp, tools]) mkdirSync(folder, { recursive: true });
  const github = { ...(contexts.github as Table), workspace, job: id };
  const runner = {
    os: 'Linux',
    arch: 'X64',
    temp,
    tool_cache: tools,
    environment: 'github-hosted',
  };
  const full: Table = {
    ...contexts,
    github,
    runner,
    // act and Gitea's runner know nothing of the workflow's repository here, so no file may depend on it.
    job: {},
  };
  const scope = { contexts: full, status: 'success' as const };
  const env = {
    ...resolveTexts(document.find('env'), scope),
    ...resolveTexts(job.find('env'), scope),
  };
  const state: JobState = {
    services: trigger.services,
    workspace,
    temp,
    env: {},
    path: [],
    log: [],
    summaries: [],
    permissions: permissionsOf(workflow, job),
    machine: machineOf(trigger, github, runner),
    scripts: 0,
    status: 'success',
  };
  const frame: Frame = { contexts: full, steps: {}, env, status: 'success' };
  await runSteps(state, frame, job.find('steps'));
  const outputs = resolveTexts(job.find('outputs'), {
    contexts: { ...full, steps: frame.steps },
    status: 'success',
  });
  return {
    id: fullId,
    result: frame.status,
    outputs,
    log: state.log.join(''),
    name: asText(resolve(job.find('name'), scope)) || id,
    matrix: contexts.matrix as Table,
    summary: state.summaries.join('\n'),
  };
}

/** A job that is a workflow: in another file of this repository or, from elsewhere, by its address. */
async function runCalled({ workflow, id, job, contexts }: Leg): Promise<JobRun[]> {
  const { trigger } = workflow;
  const uses = job.find('uses')?.toString() ?? '';
  const [, file] = /(?:^\.|^[^/]+\/[^/]+)(\/\.github\/workflows\/[^@]+)(?:@.+)?$/.exec(uses) ?? [];
  if (!file) throw new Error(`'${uses}' is no workflow.`);
  const document = await readWorkflow(join(trigger.project, file));
  const granted = permissionsOf(workflow, job);
  checkPermissions(document, granted);
  const scope = { contexts, status: 'success' as const };
  const given = (resolve(job.find('with'), scope) ?? {}) as Table;
  const { inputs, secrets } = checkCallInputs(
    document,
    given,
    job.find('secrets')?.toString() === 'inherit'
      ? workflow.secrets
      : ((resolve(job.find('secrets'), scope) ?? {}) as Table),
  );
  const called = await run({
    document,
    trigger,
    inputs,
    secrets,
    granted,
    prefix: `${workflow.prefix}${id} / `,
    groups: workflow.groups,
  });
  return [...called.jobs];
}

function* inOrder(document: MappingToken): Generator<{ id: string; job: MappingToken }> {
  const waiting = new Map<string, MappingToken>();
  for (const { key, value } of child(document, 'jobs') ?? []) {
    if (isMapping(value)) waiting.set(key.toString(), value);
  }
  while (waiting.size > 0) {
    const ready = [...waiting].find(([, job]) => needsOf(job).every((one) => !waiting.has(one)));
    if (!ready) throw new Error('The jobs need each other in a circle.');
    waiting.delete(ready[0]);
    yield { id: ready[0], job: ready[1] };
  }
}

function needsOf(job: MappingToken): string[] {
  const needs: TemplateToken | undefined = job.find('needs');
  if (needs === undefined) return [];
  if (isSequence(needs)) return [...needs].map(String);
  return isString(needs) ? [needs.value] : [];
}

function ancestors(document: MappingToken, needs: readonly string[]): string[] {
  const jobs = child(document, 'jobs');
  return needs.flatMap((one) => {
    const job = child(jobs, one);
    return [one, ...(job ? ancestors(document, needsOf(job)) : [])];
  });
}

function worst(runs: readonly { readonly result: Conclusion }[]): Conclusion {
  if (runs.some(({ result }) => result === 'failure')) return 'failure';
  return runs.some(({ result }) => result === 'success') ? 'success' : 'skipped';
}

function nonEmpty({ outputs }: JobRun): Record<string, string> {
  return Object.fromEntries(Object.entries(outputs).filter(([, value]) => value !== ''));
}
