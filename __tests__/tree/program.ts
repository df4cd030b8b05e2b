import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** The most memory it had at a time, in MB (VmHWM). */
  readonly peak: number;
}

/** Bundles the sources as they are now into one file; gives its path. */
export function bundleProgram(folder: string): string {
  const root = join(import.meta.dirname, '..', '..');
  const outfile = join(folder, 'btfhub.mjs');
  buildSync({
    entryPoints: [join(root, 'src/cli.ts')],
    outfile,
    bundle: true,
    logLevel: 'error',
    platform: 'node',
    format: 'esm',
    define: { __VERSION__: '"0.0.0"' },
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
  return outfile;
}

/** The whole program as a process of its own, built from the sources as they are now. */
export function buildProgram(folder: string) {
  const outfile = bundleProgram(folder);
  return (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> =>
    new Promise((resolve) => {
      const began = performance.now();
      const child = spawn(process.execPath, [outfile, ...args], {
        env: { PATH: process.env.PATH, HOME: folder, ...env },
      });
      let peak = 0;
      const look = () => {
        peak = Math.max(peak, highWater(child.pid));
      };
      const watch = setInterval(look, 20);
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].setEncoding('utf8').on('data', (text: string) => {
          look();
          output[name] += text;
        });
      }
      child.once('close', (status) => {
        clearInterval(watch);
        resolve({ ...output, status, peak, seconds: (performance.now() - began) / 1000 });
      });
    });
}

function highWater(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1000;
  } catch {
    return 0;
  }
}
