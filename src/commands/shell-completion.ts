import { CompletionDocument } from '../documents/use.ts';
import { Failure } from '../failure.ts';
import { type Command, defineCommand } from './command.ts';
import { completionScript, SHELLS } from './completion.ts';

/** The command `completion`. It reads the declarations of all commands, also its own. */
export function completionCommand(commands: () => readonly Command[]): Command {
  return defineCommand({
    name: 'completion',
    summary: 'print a completion script for a shell',
    description:
      'Prints a script that completes the commands, options and values of btfhub: source it in the start file of the shell, or save it where the shell looks for completions.',
    operands: { shape: '<shell>', description: SHELLS.join(', '), choices: SHELLS },
    options: {},
    examples: [
      'source <(btfhub completion bash)',
      'btfhub completion zsh > ~/.zfunc/_btfhub',
      'btfhub completion fish > ~/.config/fish/completions/btfhub.fish',
    ],
    document: CompletionDocument,
    run: async (_, __, [word]) => {
      const shell = SHELLS.find((one) => one === word);
      if (shell === undefined) {
        throw new Failure(
          'usage',
          `There is no completion for '${word}'.`,
          `Give one of ${SHELLS.join(', ')}.`,
        );
      }
      const script = completionScript(shell, commands());
      return { status: 0, document: { shell, script }, text: script };
    },
  });
}
