import type { MappingToken } from '@actions/workflow-parser/templates/tokens/mapping-token';
import { asText, resolveTexts, type Table } from './expressions.ts';
import type { HostServices } from './host.ts';

export interface Trigger {
  /** The repository's root: where `.github/workflows` is and what checkout brings. */
  readonly project: string;
  readonly services: HostServices;
  /** A folder for this run's workspaces. */
  readonly home: string;
  readonly event: 'schedule' | 'push' | 'pull_request';
  readonly secrets?: Readonly<Record<string, string>>;
  /** Counts the runs of the workflow; 1 where it is not given. */
  readonly number?: number;
  /** Counts the attempts of the run; 1 where it is not given. */
  readonly attempt?: number;
  /** Variables of the machine besides PATH and HOME. */
  readonly machine?: Readonly<Record<string, string>>;
}

export type Permissions = Readonly<Record<string, string>>;

/** A workflow as it runs: by itself, or called by another. */
export interface Workflow {
  readonly document: MappingToken;
  readonly trigger: Trigger;
  readonly inputs: Table;
  readonly secrets: Table;
  /** What the caller grants; undefined where no workflow called it. */
  readonly granted: Permissions | undefined;
  readonly prefix: string;
  readonly groups: string[];
}

const REPOSITORY = 'openEuler/archive';
export const SHA = '0123456789abcdef0123456789abcdef01234567';

export function contextsOf({ trigger, inputs, secrets, granted }: Workflow): Table {
  const { event, number = 1, attempt = 1 } = trigger;
  return {
    github: {
      event_name: event,
      repository: REPOSITORY,
      repository_owner: 'openEuler',
      event: { inputs: granted ? {} : inputs },
      sha: SHA,
      ref: 'refs/heads/master',
      run_id: `${4710 + number}`,
      run_number: `${number}`,
      run_attempt: `${attempt}`,
      server_url: 'https://github.com',
      api_url: 'https://api.github.com',
      workflow: 'nightly',
      token: 'ghs_not_for_any_archive',
      actor: 'a-user',
    },
    inputs,
    secrets: { ...secrets, GITHUB_TOKEN: 'ghs_not_for_any_archive' },
    vars: {},
  };
}

export function machineOf(trigger: Trigger, github: Table, runner: Table): Record<string, string> {
  const named = (prefix: string, table: Table) =>
    Object.entries(table)
      .filter(([name, value]) => typeof value === 'string' && name !== 'token')
      .map(([name, value]) => [`${prefix}_${name.toUpperCase()}`, asText(value)]);
  return {
    PATH: process.env.PATH ?? '',
    HOME: trigger.home,
    LANG: 'C.UTF-8',
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    ...Object.fromEntries([...named('GITHUB', github), ...named('RUNNER', runner)]),
    ...trigger.machine,
  };
}

export function permissionsOf({ document, granted }: Workflow, job: MappingToken): Permissions {
  const own = job.find('permissions') ?? document.find('permissions');
  if (own === undefined) return granted ?? { contents: 'read' };
  return resolveTexts(own, { contexts: {}, status: 'success' });
}
