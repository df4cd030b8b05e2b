import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../failure.ts';
import { addressText } from '../names.ts';
import { REPOSITORIES, type RepositoryName } from './recipes.ts';

/** Where the source of one repository may be had: a git remote, or a tarball whose sum is known. */
export type ToolSource =
  | { readonly kind: 'git'; readonly repository: RepositoryName; readonly url: string }
  | {
      readonly kind: 'tarball';
      readonly repository: RepositoryName;
      readonly path: string;
      readonly sha256: string;
    };

const upstream = (repository: RepositoryName, url: string): ToolSource => ({
  kind: 'git',
  repository,
  url,
});

/** The public upstreams, asked after the given sources. What they deliver is checked by its commit. */
export const UPSTREAMS: readonly ToolSource[] = [
  upstream('dwarves', 'https://git.kernel.org/pub/scm/devel/pahole/pahole.git'),
  upstream('dwarves', 'https://github.com/acmel/dwarves'),
  upstream('libbpf', 'https://github.com/libbpf/libbpf'),
  upstream('libbpf', 'https://gitee.com/mirrors/libbpf.git'),
  upstream('xz', 'https://github.com/tukaani-project/xz'),
  upstream('xz', 'https://git.tukaani.org/xz.git'),
];

/**
 * `dwarves=https://mirror/pahole.git` or `xz=./xz-5.8.3.tar.xz@sha256:<64 hex digits>`.
 * Throws `usage`, saying what would do.
 */
export function parseSource(text: string): ToolSource {
  const [, name, place] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
  const repository = REPOSITORIES.find((one) => one === name);
  if (!repository || !place) {
    throw bad(text, `it begins with one of ${REPOSITORIES.map((one) => `${one}=`).join(', ')}`);
  }
  const tarball = /^(.+)@sha256:([0-9a-f]{64})$/.exec(place);
  if (tarball?.[1] && tarball[2]) {
    return { kind: 'tarball', repository, path: resolve(tarball[1]), sha256: tarball[2] };
  }
  if (/\.(tar\.\w+|tgz)(@.*)?$/.test(place)) {
    throw bad(text, "a tarball ends in '@sha256:' and its sum, 64 lower-case hex digits");
  }
  if (!/^(https?|git|ssh|file):\/\//.test(place)) {
    throw bad(text, "a git remote is a URL that begins with 'https://', 'ssh://' or 'file://'");
  }
  // Git would show them in its list of arguments.
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (url?.password || (url?.username && url.protocol !== 'ssh:')) {
    throw bad(text, 'a git remote has no user and no password');
  }
  return { kind: 'git', repository, url: place };
}

function bad(text: string, rule: string): Failure {
  const [name = '', place = ''] = text.split(/=(.*)/s);
  return new Failure('usage', `'${name}=${addressText(place)}' is not a source: ${rule}.`);
}

/** The SHA-256 of a file, in lower-case hex. */
async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * A private copy of a tarball whose bytes are the promised ones. Throws `not-found`, or
 * `checksum-mismatch`, after which no other source is tried: the file was changed.
 */
export async function checkedCopy(
  source: Extract<ToolSource, { kind: 'tarball' }>,
  folder: string,
): Promise<string> {
  if (!existsSync(source.path)) {
    throw new Failure('not-found', `There is no tarball at '${source.path}'.`);
  }
  await mkdir(folder, { recursive: true });
  const copy = join(folder, `${source.repository}.tar`);
  await copyFile(source.path, copy);
  const sum = await sha256Of(copy);
  if (sum === source.sha256) return copy;
  await rm(copy, { force: true });
  throw new Failure(
    'checksum-mismatch',
    `'${source.path}' has the SHA-256 ${sum}, and ${source.sha256} was promised.`,
    'Get the tarball again, from the place where the sum comes from.',
  );
}
