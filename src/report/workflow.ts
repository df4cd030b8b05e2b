import * as core from '@actions/core';
import type { WorkflowLog } from '../platform/platform.ts';

/** The log of a workflow, written by GitHub's own toolkit to standard output. */
export const toolkitLog: WorkflowLog = {
  info: (line) => core.info(withoutCommands(line)),
  warning: (message) => core.warning(message),
  error: (message, title, source) => {
    if (source === undefined) core.error(message, { title });
    else {
      const { file, line, column } = source;
      core.error(message, { title, file, startLine: line, startColumn: column });
    }
  },
  startGroup: (title) => core.startGroup(title),
  endGroup: () => core.endGroup(),
  mask: (secret) => {
    // The runner masks by line, so each line of a secret is a secret.
    for (const line of secret.split(/[\r\n]+/).filter((one) => one.trim() !== '')) {
      core.setSecret(line);
    }
  },
};

/**
 * Text that the runner does not read as workflow commands: messages contain names from the network.
 * The runner reads `::name::` at the start of a line, and `##[name]` anywhere in it.
 */
export function withoutCommands(text: string): string {
  return text.replace(/^([^\S\n]*):(?=:)/gm, '$1: ').replace(/##(?=\[)/g, '## ');
}
