import type { Command, OptionSpec } from './command.ts';
import { globalOptions } from './command.ts';
import { kebab } from './values.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** What can follow an option: one of some words, a path, another value, or nothing. */
type Completion =
  | { readonly kind: 'flag' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'path' }
  | { readonly kind: 'value' };

interface Option {
  /** With the dashes. */
  readonly name: string;
  readonly description: string;
  readonly isRepeatable: boolean;
  readonly completion: Completion;
}

/** The completion script of a shell, made of the declarations of all commands. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

function optionsOf(command: Command): readonly Option[] {
  const own = Object.entries(command.options).map(([name, spec]) => ({
    name: `--${kebab(name)}`,
    description: spec.description,
    isRepeatable: spec.separator !== undefined,
    completion: completionOf(spec),
  }));
  const others = globalOptions(command).map(({ name, placeholder, description }) => ({
    name: `--${name}`,
    description,
    isRepeatable: false,
    completion: { kind: placeholder === undefined ? 'flag' : 'path' } as const,
  }));
  return [...own, ...others];
}

function completionOf({ placeholder, choices }: OptionSpec<unknown>): Completion {
  if (placeholder === undefined) return { kind: 'flag' };
  if (choices !== undefined) return { kind: 'words', words: choices };
  return { kind: /file|folder|path/.test(placeholder) ? 'path' : 'value' };
}

function takesPaths({ operands }: Command): boolean {
  return operands !== undefined && /file|folder|path/.test(operands.shape);
}

function operandWords({ operands }: Command): readonly string[] {
  return operands?.choices ?? [];
}

function bashScript(commands: readonly Command[]): string {
  const values = commands.flatMap((command) =>
    optionsOf(command).flatMap(({ name, completion }) => {
      if (completion.kind === 'flag') return [];
      const action =
        completion.kind === 'words'
          ? `COMPREPLY=($(compgen -W '${completion.words.join(' ')}' -- "$cur"))`
          : completion.kind === 'path'
            ? 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))'
            : 'COMPREPLY=()';
      return [`    '${command.name} ${name}') ${action}; return ;;`];
    }),
  );
  const options = commands.map((command) => {
    const names = optionsOf(command).map(({ name }) => name);
    const words = [...names, '--help', ...operandWords(command)].join(' ');
    return `    ${command.name}) words='${words}'; paths=${takesPaths(command) ? 1 : ''} ;;`;
  });
  return `# bash completion of btfhub. Load it with: source <(btfhub completion bash)
_btfhub() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command=\${COMP_WORDS[1]}
  local words='' paths=''
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W '${[...commands.map(({ name }) => name), 'help', '--help', '--version'].join(' ')}' -- "$cur"))
    return
  fi
  case "$command $prev" in
${values.join('\n')}
  esac
  case "$command" in
${options.join('\n')}
    help) words='${[...commands.map(({ name }) => name)].join(' ')}' ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  if [ -n "$paths" ] && [[ $cur != -* ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -F _btfhub btfhub
`;
}

function zshScript(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replace(/'/g, "'\\''")}'`;
  const plain = (text: string) => text.replace(/[[\]:\\]/g, (sign) => `\\${sign}`);
  const specs = (command: Command) => [
    ...optionsOf(command).map(({ name, description, isRepeatable, completion }) => {
      const value =
        completion.kind === 'flag'
          ? ''
          : completion.kind === 'words'
            ? `:value:(${completion.words.join(' ')})`
            : completion.kind === 'path'
              ? ':path:_files'
              : ':value: ';
      return quote(`${isRepeatable ? '*' : ''}${name}[${plain(description)}]${value}`);
    }),
    ...(takesPaths(command) ? ["'*:path:_files'"] : []),
    ...(operandWords(command).length > 0 ? [`':value:(${operandWords(command).join(' ')})'`] : []),
  ];
  const lines = commands.map(
    (command) => `    ${command.name}) _arguments ${specs(command).join(' \\\n      ')} ;;`,
  );
  const names = commands.map(({ name, summary }) => `    ${quote(`${name}:${plain(summary)}`)}`);
  return `#compdef btfhub
# zsh completion of btfhub. Save it as _btfhub in a folder of $fpath, or: source <(btfhub completion zsh)
_btfhub() {
  local -a commands
  commands=(
${names.join('\n')}
    'help:help for a command or a topic'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${lines.join('\n')}
    help) _describe command commands ;;
  esac
}
if [ "$funcstack[1]" = _btfhub ]; then _btfhub "$@"; else compdef _btfhub btfhub; fi
`;
}

function fishScript(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replace(/[\\']/g, (sign) => `\\${sign}`)}'`;
  const lines = commands.flatMap((command) => {
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    const options = optionsOf(command).map(({ name, description, completion }) => {
      const value =
        completion.kind === 'flag'
          ? ''
          : completion.kind === 'words'
            ? ` -x -a ${quote(completion.words.join(' '))}`
            : completion.kind === 'path'
              ? ' -r -F'
              : ' -x';
      return `complete -c btfhub ${when} -l ${name.slice(2)}${value} -d ${quote(description)}`;
    });
    const words = operandWords(command);
    return [
      `complete -c btfhub -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`,
      ...options,
      ...(takesPaths(command) ? [`complete -c btfhub ${when} -F`] : []),
      ...(words.length > 0 ? [`complete -c btfhub ${when} -a ${quote(words.join(' '))}`] : []),
    ];
  });
  const names = commands.map(({ name }) => name).join(' ');
  return `# fish completion of btfhub. Load it with: btfhub completion fish | source
complete -c btfhub -f
${lines.join('\n')}
complete -c btfhub -n __fish_use_subcommand -a help -d 'help for a command or a topic'
complete -c btfhub -n '__fish_seen_subcommand_from help' -a '${names}'
`;
}
