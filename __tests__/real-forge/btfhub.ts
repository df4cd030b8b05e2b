import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checked } from '../schemas.ts';

const bundle = join(import.meta.dirname, '../../dist/btfhub.mjs');

/** One run of the committed bundle. */
export interface Run {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at any part of a document
  readonly document: any;
  /** Standard output and standard error. */
  readonly printed: string;
}

/** A folder for one test file; `run` starts the bundle with a HOME and a temporary folder inside it. */
export function openWorkFolder() {
  const root = mkdtempSync(join(tmpdir(), 'btfhub-forge-'));
  mkdirSync(join(root, 'home'));
  mkdirSync(join(root, 'tmp'));
  const printed: string[] = [];
  const run = (
    command: string,
    options: Readonly<Record<string, string | true>>,
    env: Readonly<Record<string, string>> = {},
  ): Promise<Run> =>
    new Promise((resolve) => {
      const args = Object.entries(options).flatMap(([name, value]) =>
        value === true ? [`--${name}`] : [`--${name}`, value],
      );
      execFile(
        process.execPath,
        [bundle, command, '--json', ...args],
        {
          env: {
            PATH: process.env.PATH,
            HOME: join(root, 'home'),
            TMPDIR: join(root, 'tmp'),
            GIT_CONFIG_NOSYSTEM: '1',
            ...env,
          },
          maxBuffer: 1 << 26,
        },
        (error, stdout, stderr) => {
          printed.push(stdout, stderr);
          const status = error === null ? 0 : Number(error.code);
          resolve({
            status,
            document: checked(command, JSON.parse(stdout)),
            printed: stdout + stderr,
          });
        },
      );
    });
  return {
    root,
    run,
    /** Everything that all runs printed. */
    printed: () => printed.join(''),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
