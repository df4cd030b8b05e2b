import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelRecord } from '../../src/archive/record.ts';
import { checked } from '../schemas.ts';
import { type RealKernel, ROOT } from './repository.ts';

export const BUNDLE = join(ROOT, 'dist', 'btfhub.mjs');

export interface Places {
  readonly mirror: string;
  readonly output: string;
  readonly temp: string;
}

export interface Built {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  /** The JSON document; undefined when stdout is not exactly one. */
  readonly document: BuildDocument | undefined;
  /** The most memory that Node held, in bytes. */
  readonly peak: number;
  readonly seconds: number;
}

export interface BuildDocument {
  readonly built: number;
  readonly failed: number;
  readonly kernels: readonly {
    readonly state: string;
    readonly record: KernelRecord;
    readonly withModules?: KernelRecord;
  }[];
}

/** Starts the bundle, as a user does, in a process group of its own. */
export function startBuild(
  { release, arch, uname }: RealKernel,
  { mirror, output, temp }: Places,
  peakFile: string,
  more: readonly string[] = [],
): { readonly child: ChildProcess; readonly ended: Promise<Built> } {
  const started = performance.now();
  const args = ['build', '--release', release, '--arch', arch, '--kernel', uname];
  args.push('--mirror', mirror, '--output', output, '--temp', temp, '--cache', 'none');
  args.push('--pahole', 'system', '--xz', 'system', '--json', ...more);
  const child = spawn(process.execPath, [BUNDLE, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=${join(ROOT, '__tests__', 'real', 'note-peak.mjs')}`,
      BTFHUB_NOTE_PEAK: peakFile,
      TMPDIR: temp,
      BTFHUB_SIGNATURE: 'off',
    },
  });
  const ended = (async (): Promise<Built> => {
    const texts = Promise.all([gather(child.stdout), gather(child.stderr)]);
    const [status, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
      (resolve, reject) => {
        child.once('error', reject);
        child.once('close', (...ending) => resolve(ending));
      },
    );
    const [stdout, stderr] = await texts;
    const peak = Number(await readFile(peakFile, 'utf8').catch(() => 'NaN'));
    const seconds = (performance.now() - started) / 1000;
    return { status, signal, stderr, document: parse(stdout), peak, seconds };
  })();
  return { child, ended };
}

function parse(stdout: string): BuildDocument | undefined {
  try {
    return checked('build', JSON.parse(stdout));
  } catch {
    return undefined;
  }
}

async function gather(stream: AsyncIterable<Buffer> | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += chunk.toString('utf8');
  return text;
}
