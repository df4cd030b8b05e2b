import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMapping, isSequence } from '@actions/workflow-parser';
import type { MappingToken } from '@actions/workflow-parser/templates/tokens/mapping-token';
import { child, readAction } from './document.ts';
import { asText, holds, resolve, resolveTexts, type Scope, type Table } from './expressions.ts';
import type { HostServices } from './host.ts';
import { runScript } from './script.ts';

/** One job as its steps go on: what they share and what they leave. */
export interface JobState {
  readonly services: HostServices;
  readonly workspace: string;
  /** `RUNNER_TEMP`. */
  readonly temp: string;
  readonly permissions: Readonly<Record<string, string>>;
  /** The machine's variables: PATH and the like, and GITHUB_*. */
  readonly machine: Readonly<Record<string, string>>;
  /** What earlier steps wrote to GITHUB_ENV. */
  readonly env: Record<string, string>;
  /** Folders that earlier steps wrote to GITHUB_PATH, the last one first. */
  readonly path: string[];
  readonly log: string[];
  readonly summaries: string[];
  scripts: number;
  status: 'success' | 'failure';
}

/** The steps of a job, or of a composite within it: each has names, steps and a status of its own. */
export interface Frame {
  readonly contexts: Table;
  readonly steps: { [id: string]: StepRecord };
  readonly env: Readonly<Record<string, string>>;
  status: 'success' | 'failure';
}

interface StepRecord {
  [name: string]: string | Record<string, string>;
  outputs: Record<string, string>;
  outcome: string;
  conclusion: string;
}

interface Result {
  readonly ok: boolean;
  readonly outputs: Record<string, string>;
}

/** Runs the steps in their order; the frame has their outputs and whether all went well. */
export async function runSteps(job: JobState, frame: Frame, list: unknown): Promise<void> {
  for (const step of steps(list)) {
    const id = step.find('id')?.toString();
    const record: StepRecord = { outputs: {}, outcome: 'skipped', conclusion: 'skipped' };
    if (id) frame.steps[id] = record;
    const env = { ...frame.env, ...resolveTexts(step.find('env'), scopeOf(job, frame)) };
    const scope = scopeOf(job, { ...frame, env });
    const name = asText(resolve(step.find('name') ?? step.find('uses') ?? step.find('run'), scope));
    if (!holds(step.find('if'), scope)) {
      job.log.push(`--- skipped: ${name}\n`);
      continue;
    }
    job.log.push(`--- ${name}\n`);
    const { ok, outputs } = await runStep(job, step, { ...frame, env }, scope);
    Object.assign(record.outputs, outputs);
    const forgiven = resolve(step.find('continue-on-error'), scope) === true;
    record.outcome = ok ? 'success' : 'failure';
    record.conclusion = ok || forgiven ? 'success' : 'failure';
    if (!ok && !forgiven) frame.status = 'failure';
  }
}

function steps(list: unknown): MappingToken[] {
  const tokens = [...(list as Iterable<MappingToken>)];
  return tokens.filter((token) => isMapping(token));
}

function scopeOf(job: JobState, frame: Frame): Scope {
  const github = { ...(frame.contexts.github as Table), action_status: frame.status };
  const contexts = {
    ...frame.contexts,
    github,
    steps: frame.steps,
    env: { ...job.env, ...frame.env },
    job: { ...(frame.contexts.job as Table), status: job.status },
  };
  return { contexts, status: frame.status };
}

async function runStep(
  job: JobState,
  step: MappingToken,
  frame: Frame,
  scope: Scope,
): Promise<Result> {
  const uses = step.find('uses')?.toString();
  try {
    if (uses === undefined) return await runRun(job, step, frame, scope);
    const inputs = resolveTexts(step.find('with'), scope);
    if (uses.startsWith('./')) return await runComposite(job, frame, uses, inputs);
    const action = uses.replace(/@.*/, '');
    const standIn = job.services.find(action);
    if (!standIn) throw new Error(`There is no stand-in for the action ${action}.`);
    const { workspace, permissions } = job;
    const say = (line: string) => void job.log.push(`${line}\n`);
    return { ok: true, outputs: standIn({ inputs, workspace, permissions, say }) };
  } catch (error) {
    job.log.push(`::error::${(error as Error).message}\n`);
    return { ok: false, outputs: {} };
  }
}

async function runRun(
  job: JobState,
  step: MappingToken,
  frame: Frame,
  scope: Scope,
): Promise<Result> {
  job.scripts += 1;
  const github = scope.contexts.github as Table;
  const folder = asText(resolve(step.find('working-directory'), scope));
  const ended = await runScript({
    text: asText(resolve(step.find('run'), scope)),
    shell: asText(resolve(step.find('shell'), scope)),
    cwd: join(job.workspace, folder),
    env: {
      ...job.machine,
      PATH: [...job.path, job.machine.PATH].join(':'),
      ...job.env,
      ...frame.env,
      ...(github.action_path ? { GITHUB_ACTION_PATH: asText(github.action_path) } : {}),
    },
    folder: join(job.temp, `_step${job.scripts}`),
  });
  job.log.push(ended.log);
  if (ended.summary !== '') job.summaries.push(ended.summary);
  Object.assign(job.env, ended.env);
  job.path.unshift(...ended.path.reverse());
  if (ended.status !== 0) job.log.push(`Process completed with exit code ${ended.status}.\n`);
  return { ok: ended.status === 0, outputs: ended.outputs };
}

/** `./folder`, looked up in the workspace as on GitHub, not beside the action that names it. */
async function runComposite(
  job: JobState,
  frame: Frame,
  uses: string,
  given: Record<string, string>,
): Promise<Result> {
  const folder = join(job.workspace, uses);
  const path = join(folder, 'action.yml');
  if (!existsSync(path)) throw new Error(`Can't find 'action.yml' under '${folder}'.`);
  const action = readAction(path);
  const { contexts } = frame;
  const declared = child(action, 'inputs');
  for (const name of Object.keys(given)) {
    if (!declared?.find(name)) throw new Error(`Unexpected input '${name}' for ${uses}.`);
  }
  const visible = ['github', 'job', 'runner', 'matrix', 'strategy'];
  const outer = Object.fromEntries(visible.map((name) => [name, contexts[name] ?? {}]));
  outer.github = { ...(contexts.github as Table), action_path: folder };
  const inputs: Table = {};
  for (const { key, value } of declared ?? []) {
    const name = key.toString();
    const fallback = isMapping(value) ? value.find('default') : undefined;
    inputs[name] = given[name] ?? asText(resolve(fallback, { contexts: outer, status: 'success' }));
  }
  const inner: Frame = {
    contexts: { ...outer, inputs },
    steps: {},
    env: frame.env,
    status: 'success',
  };
  const list = child(action, 'runs')?.find('steps');
  if (!list || !isSequence(list)) throw new Error(`${uses} is no composite action.`);
  await runSteps(job, inner, list);
  const scope = scopeOf(job, inner);
  const outputs = [...(child(action, 'outputs') ?? [])].map(({ key, value }) => [
    key.toString(),
    asText(resolve(isMapping(value) ? value.find('value') : undefined, scope)),
  ]);
  return { ok: inner.status === 'success', outputs: Object.fromEntries(outputs) };
}
