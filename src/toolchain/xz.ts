import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure } from '../failure.ts';
import { type ByteRange, DECODER_MEMORY, type Decoder } from '../platform/decompress.ts';
import type { Platform } from '../platform/platform.ts';
import { RANGE_DECODER } from './decode-range.ts';
import type { Origin } from './pahole.ts';
import { versionIn } from './version.ts';

export interface Xz {
  /** Absolute. */
  readonly path: string;
  /** `5.8.3` */
  readonly version: string;
  readonly origin: Origin;
  /** What cuts a range out of what it decodes: `xz-range` instead of it, `dd` behind it, or nothing. */
  readonly cutter: Cutter;
}

export type Cutter =
  | { readonly kind: 'decoder'; readonly path: string }
  | { readonly kind: 'dd'; readonly path: string }
  | { readonly kind: 'none' };

/** From this version on decoding takes two thirds of the time that it took before. */
export const FAST_XZ = '5.8';

type XzPlatform = Pick<Platform, 'programs'>;

/** Asks an xz for its version. Throws `missing-program` when there is none or it does not run. */
export async function inspectXz(platform: XzPlatform, path: string, origin: Origin): Promise<Xz> {
  const found = platform.programs.find(path);
  const answer = found
    ? await platform.programs.run({ program: found, args: ['--version'] })
    : undefined;
  const said = answer?.status === 0 ? answer.stdout.toString('utf8') : '';
  const version = said.startsWith('xz ') ? versionIn(said) : undefined;
  if (!found || !version) {
    throw new Failure(
      'missing-program',
      found ? `'${found} --version' does not answer as xz does.` : `There is no xz at '${path}'.`,
      "Install the package 'xz-utils' (apt) or 'xz' (dnf).",
    );
  }
  return { path: found, version, origin, cutter: await cutterFor(platform, found) };
}

/** Eight bytes of text, packed by xz. */
const SAMPLE = Buffer.from(
  '/Td6WFoAAAD/EtlBAgAhAQwAAACPmEGcAQAHc2tpcHBlZD8AAAEYCEClRqwGcp56AQAAAAAAWVo=',
  'base64',
);
const SAMPLE_RANGE: ByteRange = { offset: 4, size: 3 };

async function cutterFor({ programs }: XzPlatform, xz: string): Promise<Cutter> {
  const decoder = join(dirname(xz), RANGE_DECODER);
  if (existsSync(decoder)) {
    const path = decoder;
    const answer = await programs.run({ ...rangeDecoder(path, SAMPLE_RANGE), input: SAMPLE });
    if (answer.status === 0 && answer.stdout.length === 3) return { kind: 'decoder', path };
  }
  // Other programs of that name do not know these options.
  const path = programs.find('dd');
  if (path === undefined) return { kind: 'none' };
  const answer = await programs.run({ ...cutBehind(path, SAMPLE_RANGE), input: 'skipped?' });
  const cuts = answer.status === 0 && answer.stdout.length === 3;
  return cuts ? { kind: 'dd', path } : { kind: 'none' };
}

/** The machine's own xz. */
export function systemXz(platform: XzPlatform): Promise<Xz> {
  return inspectXz(platform, 'xz', 'system');
}

/**
 * Decodes standard input to standard output.
 * `--ignore-check`: the package's SHA-256 and the file's digest cover more than xz's own check,
 * which costs a quarter of the time. `--threads=1`: a payload of one block gains nothing from
 * threads, and from 5.6 on xz uses as many as there are cores when it is not told.
 */
export function decodeCommand(xz: Pick<Xz, 'path'>): Decoder {
  const limit = `--memlimit-decompress=${DECODER_MEMORY}`;
  return {
    program: xz.path,
    args: ['--decompress', '--stdout', '--ignore-check', '--threads=1', limit],
    env: PLAIN_ENVIRONMENT,
  };
}

/**
 * The programs, one behind the other, that decode standard input and write a range of it to standard output.
 * Undefined where nothing can cut.
 */
export function decodeRangeCommands(
  xz: Pick<Xz, 'path' | 'cutter'>,
  range: ByteRange,
): readonly Decoder[] | undefined {
  switch (xz.cutter.kind) {
    case 'decoder':
      return [rangeDecoder(xz.cutter.path, range)];
    case 'dd':
      return [decodeCommand(xz), cutBehind(xz.cutter.path, range)];
    case 'none':
      return undefined;
  }
}

function rangeDecoder(program: string, { offset, size }: ByteRange): Decoder {
  return { program, args: [offset, size, DECODER_MEMORY].map(String) };
}

/** Pieces of 256 KiB: with larger ones, or with pieces of 64 KiB, it takes longer. */
function cutBehind(program: string, { offset, size }: ByteRange): Decoder {
  const units = 'iflag=skip_bytes,count_bytes,fullblock';
  return { program, args: ['bs=256K', units, `skip=${offset}`, `count=${size}`, 'status=none'] };
}

/** Options from the environment would come before ours, and some cannot be taken back. */
export const PLAIN_ENVIRONMENT = {
  XZ_DEFAULTS: undefined,
  XZ_OPT: undefined,
} as const;
