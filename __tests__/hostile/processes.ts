import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** How a program ended, and what memory each program in it took at most. */
export interface Watched {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** By the name of the program: the most memory of one process, in MB (VmHWM of proc(5)). */
  readonly peaks: ReadonlyMap<string, number>;
}

const INTERVAL = 10;
/** A run that takes longer is ended, and has the status null. */
const LONGEST = 120_000;

/** Runs a program, and looks at it and all its descendants every few milliseconds. */
export function runWatched(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Watched> {
  return new Promise((resolve) => {
    const began = performance.now();
    const child = spawn(program, [...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const peaks = new Map<string, number>();
    const watch = setInterval(() => notePeaks(child.pid ?? 0, peaks), INTERVAL);
    const end = setTimeout(() => child.kill('SIGKILL'), LONGEST);
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    }
    child.once('close', (status) => {
      clearInterval(watch);
      clearTimeout(end);
      const { stdout, stderr } = output;
      resolve({ stdout, stderr, status, peaks, seconds: (performance.now() - began) / 1000 });
    });
  });
}

/** Notes the peak of a process and of its descendants, by the name of each. */
function notePeaks(root: number, peaks: Map<string, number>): void {
  for (const pid of withDescendants(root)) {
    const status = read(`/proc/${pid}/status`);
    const name = /^Name:\s+(.+)$/m.exec(status)?.[1];
    const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1000;
    if (name !== undefined) peaks.set(name, Math.max(peaks.get(name) ?? 0, peak));
  }
}

function withDescendants(root: number): readonly number[] {
  const tasks = readdirOrNone(`/proc/${root}/task`);
  const children = tasks.flatMap((task) =>
    read(`/proc/${root}/task/${task}/children`).split(' ').filter(Boolean).map(Number),
  );
  return [root, ...children.flatMap(withDescendants)];
}

function readdirOrNone(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
