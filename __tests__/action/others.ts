import type { ActionMetadata } from '@actions/languageservice/action';

/**
 * What the actions of others take and give, as far as we use it: copied from their `action.yml` of
 * the pinned versions, so that a misspelt input is found without the network.
 */
const OTHERS: Readonly<
  Record<string, { inputs: string[]; required?: string[]; outputs?: string[] }>
> = {
  'actions/checkout': { inputs: ['repository', 'ref', 'path', 'persist-credentials'] },
  'actions/setup-node': { inputs: ['node-version', 'package-manager-cache'] },
  'actions/cache/restore': {
    inputs: ['path', 'key', 'restore-keys'],
    required: ['path', 'key'],
    outputs: ['cache-hit', 'cache-primary-key', 'cache-matched-key'],
  },
  'actions/cache/save': { inputs: ['path', 'key'], required: ['path', 'key'] },
  'actions/upload-artifact': {
    inputs: [
      ...['name', 'path', 'if-no-files-found', 'retention-days'],
      ...['compression-level', 'overwrite', 'include-hidden-files'],
    ],
    required: ['path'],
    outputs: ['artifact-id', 'artifact-url', 'artifact-digest'],
  },
  'actions/upload-pages-artifact': {
    inputs: ['name', 'path', 'retention-days', 'include-hidden-files'],
    required: ['path'],
    outputs: ['artifact_id'],
  },
  'actions/deploy-pages': {
    inputs: ['token', 'timeout', 'error_count', 'reporting_interval', 'artifact_name', 'preview'],
    outputs: ['page_url'],
  },
  'actions/download-artifact': {
    inputs: ['name', 'pattern', 'path', 'merge-multiple'],
    outputs: ['download-path'],
  },
  'actions/attest': {
    inputs: [
      'subject-path',
      'subject-checksums',
      'subject-name',
      'subject-digest',
      'push-to-registry',
      'create-storage-record',
    ],
    outputs: ['bundle-path', 'attestation-id', 'attestation-url'],
  },
  'github/codeql-action/init': { inputs: ['languages', 'build-mode'] },
  'github/codeql-action/analyze': { inputs: ['category'] },
  'zizmorcore/zizmor-action': { inputs: ['persona', 'min-severity', 'advanced-security'] },
};

/** The metadata of an action as the language service wants it; undefined for one that is not here. */
export function metadataOf(name: string): ActionMetadata | undefined {
  const other = OTHERS[name];
  if (!other) return undefined;
  const inputs = other.inputs.map((input) => [
    input,
    { description: input, required: other.required?.includes(input) ?? false },
  ]);
  const outputs = (other.outputs ?? []).map((output) => [output, { description: output }]);
  return {
    name,
    description: name,
    inputs: Object.fromEntries(inputs),
    outputs: Object.fromEntries(outputs),
  };
}
