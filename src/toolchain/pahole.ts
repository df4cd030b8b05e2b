import { Failure } from '../failure.ts';
import type { Platform } from '../platform/platform.ts';
import { atLeast } from './version.ts';

/** Where a program came from: built just now, built before, or the machine's own. */
export type Origin = 'built' | 'cached' | 'system';

/** A pahole that was started once and told what it can do. */
export interface Pahole {
  /** Absolute. */
  readonly path: string;
  /** `1.31` */
  readonly version: string;
  readonly origin: Origin;
  /** Its long options without the dashes, as `--help` lists them: distributions patch. */
  readonly options: ReadonlySet<string>;
  /** What `--supported_btf_features` lists; empty before 1.26, which does not know the option. */
  readonly features: ReadonlySet<string>;
}

/** The first that writes BTF into a file of its own (`--btf_encode_detached`). */
export const OLDEST_PAHOLE = '1.22';

/**
 * Asks a pahole for its version and abilities. Throws `missing-program` when there is none at
 * `path` (a name is looked up on PATH), when it does not run, or when it is older than 1.22.
 */
export async function inspectPahole(
  platform: Pick<Platform, 'programs'>,
  path: string,
  origin: Origin,
): Promise<Pahole> {
  const found = platform.programs.find(path);
  if (found === undefined) throw notThere(path);
  const answer = await platform.programs.run({ program: found, args: ['--version'] });
  // It answers with its version and nothing else, unlike most programs.
  const version = /^v(\d+(?:\.\d+)+)$/m.exec(answer.stdout.toString('utf8').trim())?.[1];
  if (answer.status !== 0 || version === undefined) {
    throw new Failure(
      'missing-program',
      `'${found} --version' does not answer as pahole does: ${answer.stderr.trim() || answer.status}.`,
      "Reinstall it, or let 'btfhub setup --pahole 1.31' bring one.",
    );
  }
  if (!atLeast(version, OLDEST_PAHOLE)) throw tooOld(found, version);
  const help = await platform.programs.run({ program: found, args: ['--help'] });
  const options = new Set(
    [...help.stdout.toString('utf8').matchAll(/--([a-z_]+)/g)].map((match) => match[1] ?? ''),
  );
  return { path: found, version, origin, options, features: await featuresOf(platform, found) };
}

/** The machine's own pahole, or the one at a path. */
export function systemPahole(
  platform: Pick<Platform, 'programs'>,
  path = 'pahole',
): Promise<Pahole> {
  return inspectPahole(platform, path, 'system');
}

async function featuresOf(
  platform: Pick<Platform, 'programs'>,
  path: string,
): Promise<Set<string>> {
  const answer = await platform.programs.run({ program: path, args: ['--supported_btf_features'] });
  if (answer.status !== 0) return new Set();
  return new Set(answer.stdout.toString('utf8').trim().split(','));
}

function notThere(path: string): Failure {
  return new Failure(
    'missing-program',
    path === 'pahole' ? 'This machine has no pahole.' : `There is no program at '${path}'.`,
    "Let 'btfhub setup --pahole 1.31' build one, or install the package 'pahole' (apt) or 'dwarves' (dnf).",
  );
}

function tooOld(path: string, version: string): Failure {
  return new Failure(
    'missing-program',
    `'${path}' is pahole ${version}: older than ${OLDEST_PAHOLE}, which is the first that writes BTF into a file of its own.`,
    "Let 'btfhub setup --pahole 1.31' bring a newer one.",
  );
}
