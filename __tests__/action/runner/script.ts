import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Script {
  readonly text: string;
  /** `bash` (with pipefail) where a step says so; else bash without it, as GitHub runs it. */
  readonly shell: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A new folder for the script and the files it tells the host by. */
  readonly folder: string;
  /** `GITHUB` or `ATOMGIT`: what the variables that name those files begin with. */
  readonly host?: string;
}

/** What a step leaves: its log, and what it wrote to the host's files. */
export interface Ended {
  readonly status: number;
  readonly log: string;
  readonly outputs: Record<string, string>;
  readonly env: Record<string, string>;
  readonly path: string[];
  readonly summary: string;
}

const SHELLS: Readonly<Record<string, readonly string[]>> = {
  bash: ['bash', '--noprofile', '--norc', '-eo', 'pipefail'],
  '': ['bash', '-e'],
  sh: ['sh', '-e'],
};

/** Runs a step's script with a real shell and fresh files for outputs, variables, path and summary. */
export async function runScript(script: Script): Promise<Ended> {
  const { folder, host = 'GITHUB' } = script;
  mkdirSync(folder, { recursive: true });
  const file = (name: string) => join(folder, name);
  const names = ['OUTPUT', 'ENV', 'PATH', 'STEP_SUMMARY', 'STATE'];
  for (const name of names) writeFileSync(file(name), '');
  writeFileSync(file('script.sh'), script.text);
  const [program, ...flags] = SHELLS[script.shell] ?? [];
  if (!program) throw new Error(`The shell '${script.shell}' is not one this runner knows.`);
  const env = {
    ...script.env,
    ...Object.fromEntries(names.map((name) => [`${host}_${name}`, file(name)])),
  };
  const child = spawn(program, [...flags, file('script.sh')], {
    cwd: script.cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    log += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text;
  });
  const status = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 128));
  });
  const read = (name: string) => readFileSync(file(name), 'utf8');
  return {
    status,
    log,
    outputs: readFileCommands(read('OUTPUT')),
    env: readFileCommands(read('ENV')),
    path: read('PATH').split('\n').filter(Boolean),
    summary: read('STEP_SUMMARY'),
  };
}

/** `name=value` lines and `name<<DELIMITER` blocks, as GitHub reads GITHUB_OUTPUT and GITHUB_ENV. */
export function readFileCommands(text: string): Record<string, string> {
  const values: Record<string, string> = {};
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    const [, name, sign, rest] = /^([^=<]+)(=|<<)(.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) {
      if (line !== '') throw new Error(`Unable to process file command: ${line}`);
    } else if (sign === '=') {
      values[name] = rest;
    } else {
      const end = lines.indexOf(rest, index + 1);
      if (end < 0) throw new Error(`Matching delimiter not found: ${rest}`);
      values[name] = lines.slice(index + 1, end).join('\n');
      index = end;
    }
  }
  return values;
}
