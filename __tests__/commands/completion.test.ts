import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMANDS } from '../../src/commands/all.ts';
import { completionScript, SHELLS } from '../../src/commands/completion.ts';
import { manPage } from '../../src/commands/man.ts';
import { temporaryFolder } from '../btf/made.ts';

const folder = temporaryFolder();
const scripts = Object.fromEntries(
  SHELLS.map((shell) => {
    const file = join(folder, `btfhub.${shell}`);
    writeFileSync(file, completionScript(shell, COMMANDS));
    return [shell, file];
  }),
);
mkdirSync(join(folder, 'output'));
writeFileSync(join(folder, 'probe.bpf.o'), '');

/** The completions of a command line whose last word is incomplete. */
const COMPLETE: Readonly<Record<string, (line: string) => string[]>> = {
  bash: (line) => {
    const words = line.split(' ');
    const script = `source '${scripts.bash}'
      COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
      compopt() { :; }; _btfhub; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return lines(execFileSync('bash', ['--norc', '-c', script], { cwd: folder, encoding: 'utf8' }));
  },
  fish: (line) => {
    const script = `source '${scripts.fish}'; complete -C '${line}'`;
    const env = { ...process.env, HOME: folder };
    return lines(
      execFileSync('fish', ['--no-config', '-c', script], { cwd: folder, encoding: 'utf8', env }),
    );
  },
  zsh: (line) => {
    // zsh completes in its line editor only, which zpty gives a terminal. A word in two parts, REA""DY, differs from
    // its echo. The list of several completions is printed, and a single one is inserted into the line.
    const script = `zmodload zsh/zpty
      zpty z 'TERM=dumb zsh -f -i'
      zpty -w z 'PS1=; autoload -U compinit && compinit -u -D; source ${scripts.zsh}; unsetopt list_beep; print REA""DY'
      zpty -r -m z shown '*READY*'
      zpty -w -n z $'${line}\\t'
      zpty -w -n z $'\\C-a# \\n'
      zpty -w z 'print -r END""HERE'
      zpty -r -m z shown '*ENDHERE*'
      print -r -- "$shown"`;
    const shown = execFileSync('zsh', ['-f', '-c', script], { cwd: folder, encoding: 'utf8' });
    // What is before the line editor's first output is the echo of the input.
    return lines(shown.slice(shown.indexOf('\u001b[?2004h')));
  },
};

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.split('\t')[0]?.trim() ?? '')
    .filter((line) => line !== '');
}

describe.each(SHELLS)('%s', (shell) => {
  const complete = (line: string) => COMPLETE[shell]?.(line).join('\n') ?? '';

  test('the script is valid', () => {
    execFileSync(shell, ['-n', scripts[shell] ?? '']);
  });

  test('commands are completed', () => {
    expect(complete('btfhub ver')).toMatch(/\bverify\b/);
  });

  test('options are completed, also those that every command has', () => {
    const options = complete('btfhub build --si');
    expect(options).toMatch(/--signature\b/);
    expect(complete('btfhub plan --js')).toMatch(/--json\b/);
  });

  test('the values of a choice are completed', () => {
    expect(complete('btfhub build --signature re')).toMatch(/\brequire\b/);
  });

  test('paths are completed', () => {
    expect(complete('btfhub check --object pro')).toMatch(/probe\.bpf\.o/);
    expect(complete('btfhub verify out')).toMatch(/output/);
  });

  test('the shells of completion are completed', () => {
    expect(complete('btfhub completion zs')).toMatch(/\bzsh\b(?!:)/);
  });
});

test('the manual page names every command and option, and roff has no complaint', () => {
  const page = manPage(COMMANDS, '1.2.3');
  for (const { name } of COMMANDS) expect(page).toContain(`.SS btfhub ${name}`);
  expect(page).toContain('.B \\-\\-minimum\\-types <number>');
  const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou'], {
    input: page,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toContain('--signature <require|prefer|off>');
});
