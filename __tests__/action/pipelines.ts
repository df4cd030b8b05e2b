import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { asText, evaluate, type Table } from './runner/expressions.ts';
import { expandMatrix } from './runner/matrix.ts';
import { type Ended, runScript } from './runner/script.ts';

/** One script of a pipeline as it ran: where it stands, and what it left. */
export interface Ran extends Ended {
  readonly where: string;
}

/** What a host gives every script, and what the test puts in the place of the file's own values. */
export interface Machine {
  /** A folder of its own for this run. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

type Node = { readonly [key: string]: unknown };

function machineOf({ home, env }: Machine): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: home, LANG: 'C.UTF-8', CI: 'true', ...env };
}

/**
 * AtomGit Action, as its documentation has it: variables and files named `ATOMGIT_*`, actions
 * without an owner, `always` without parentheses, a static matrix. Jobs run in the file's order.
 */
export async function runAtomGit(text: string, machine: Machine): Promise<Ran[]> {
  const pipeline = parse(text) as Node & { jobs: Record<string, Node> };
  const ran: Ran[] = [];
  for (const [id, job] of Object.entries(pipeline.jobs)) {
    const matrix = (job.strategy as Node | undefined)?.matrix as Table | undefined;
    for (const [index, leg] of (matrix ? expandMatrix(matrix) : [{}]).entries()) {
      const contexts = { matrix: leg, strategy: { 'job-index': index }, secrets: machine.secrets };
      ran.push(...(await runAtomGitJob(`${id} ${index}`, { pipeline, job, contexts, machine })));
    }
  }
  return ran;
}

interface AtomGitJob {
  readonly pipeline: Node;
  readonly job: Node;
  readonly contexts: Table;
  readonly machine: Machine;
}

async function runAtomGitJob(where: string, leg: AtomGitJob): Promise<Ran[]> {
  const { pipeline, job, contexts, machine } = leg;
  const fill = (value: unknown) =>
    String(value).replace(/\$\{\{(.*?)\}\}/g, (_, inner) =>
      asText(evaluate(inner, { contexts, status: 'success' })),
    );
  const fillAll = (table: unknown) =>
    Object.fromEntries(
      Object.entries((table ?? {}) as Node).map(([name, value]) => [name, fill(value)]),
    );
  const workspace = join(machine.home, where.replace(' ', '-'));
  mkdirSync(workspace, { recursive: true });
  const ran: Ran[] = [];
  for (const [number, step] of (job.steps as Node[]).entries()) {
    if (ran.some(({ status }) => status !== 0) && step.if !== 'always') continue;
    if (step.run === undefined) {
      useAtomGitAction(String(step.uses), fillAll(step.with), workspace, machine.home);
      continue;
    }
    const ended = await runScript({
      text: fill(step.run),
      shell: 'bash',
      cwd: workspace,
      host: 'ATOMGIT',
      folder: join(workspace, `.step${number}`),
      env: {
        ...fillAll(pipeline.env),
        ATOMGIT_ACTIONS: 'true',
        ATOMGIT_REPOSITORY: 'openeuler/btfhub-archive',
        ...machineOf(machine),
        ...fillAll(step.env),
      },
    });
    ran.push({ where, ...ended });
  }
  return ran;
}

/** The host's own actions, with a folder in the place of its artifacts. */
function useAtomGitAction(
  name: string,
  inputs: Readonly<Record<string, string>>,
  workspace: string,
  home: string,
): void {
  const artifacts = join(home, 'artifacts');
  const path = join(workspace, inputs.path ?? '.');
  if (name === 'upload-artifact') {
    if (existsSync(path)) cpSync(path, join(artifacts, inputs.name ?? ''), { recursive: true });
  } else if (name === 'download-artifact') {
    for (const artifact of readdirSync(artifacts)) {
      cpSync(join(artifacts, artifact), join(path, artifact), { recursive: true });
    }
  } else if (name !== 'setup-node') {
    throw new Error(`There is no stand-in for ${name}.`);
  }
}

/** Gitee Go: the shell steps of each stage, on one host, until one fails. */
export async function runGiteeGo(text: string, machine: Machine): Promise<Ran[]> {
  const pipeline = parse(text) as Node & { stages: Node[] };
  const ran: Ran[] = [];
  const variables = pipeline.variables as Record<string, string>;
  for (const stage of pipeline.stages) {
    for (const step of stage.steps as Node[]) {
      for (const script of step.script as string[]) {
        const ended = await runScript({
          text: script,
          shell: 'bash',
          cwd: machine.home,
          folder: join(machine.home, `.step${ran.length}`),
          env: {
            ...variables,
            GITEE_PIPELINE_NAME: String(pipeline.name),
            GITEE_PIPELINE_BUILD_NUMBER: '7',
            ...machineOf(machine),
            ...machine.secrets,
          },
        });
        ran.push({ where: String(stage.name), ...ended });
        if (ended.status !== 0) return ran;
      }
    }
  }
  return ran;
}

/**
 * A declarative Jenkinsfile's `sh` steps in their order, each with the variables of the pipeline's
 * and its stage's `environment`, and with its credentials where `withCredentials` stands around it.
 * One inside `catchError` may fail without ending the pipeline.
 */
export async function runJenkins(
  text: string,
  machine: Machine,
  parameters: Readonly<Record<string, string>>,
): Promise<Ran[]> {
  const workspace = join(machine.home, 'workspace');
  mkdirSync(workspace, { recursive: true });
  const [head = '', ...stages] = text.split(/^ {4}stage\(/m);
  const defaults = Object.fromEntries(
    [...head.matchAll(/string\(name: '(\w+)', defaultValue: '([^']*)'/g)].map(
      ([, name = '', value = '']) => [name, value],
    ),
  );
  const params: Record<string, string> = { ...defaults, ...parameters };
  const environment = (part: string) =>
    Object.fromEntries(
      [...part.matchAll(/^ +(\w+) = (?:'([^']*)'|"\$\{params\.(\w+)\}")$/gm)].map(
        ([, name = '', literal, parameter = '']) => [name, literal ?? params[parameter] ?? ''],
      ),
    );
  const ran: Ran[] = [];
  for (const stage of stages) {
    const [, name = ''] = /^'([^']+)'/.exec(stage) ?? [];
    const [, credentials] = /credentialsId: '[^']+', variable: '(\w+)'/.exec(stage) ?? [];
    for (const [, script = ''] of stage.matchAll(/\bsh '([^']+)'/g)) {
      const ended = await runScript({
        text: script,
        shell: 'sh',
        cwd: workspace,
        folder: join(machine.home, `.step${ran.length}`),
        env: {
          JENKINS_URL: 'http://jenkins.test/',
          BUILD_URL: 'http://jenkins.test/job/btf/3/',
          ...environment(head),
          ...environment(stage),
          ...machineOf(machine),
          ...(credentials ? { [credentials]: machine.secrets[credentials] ?? '' } : {}),
        },
      });
      ran.push({ where: name, ...ended });
      if (ended.status !== 0 && !stage.includes('catchError')) return ran;
    }
  }
  return ran;
}
