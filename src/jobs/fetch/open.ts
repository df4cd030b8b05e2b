import { openArchive } from '../../archive/archive.ts';
import { type ArchiveContent, MODULES_BRANCH } from '../../archive/catalog.ts';
import { type ArchiveReader, archiveReader, httpReader } from '../../archive/reader.ts';
import { fetchFile } from '../../download/fetch-file.ts';
import { MirrorPool } from '../../download/mirrors.ts';
import { describe, Failure } from '../../failure.ts';
import { parseLocation } from '../../git/location.ts';
import { addressText } from '../../names.ts';
import { readBody } from '../../platform/http.ts';
import type { Platform } from '../../platform/platform.ts';

type ReaderPlatform = Pick<Platform, 'env' | 'programs' | 'http' | 'clock' | 'interrupted'>;

/** Bytes: enough for a catalog of ten thousand kernels, and twenty times the largest tarball. */
const MOST_BYTES = 32 * 1024 * 1024;

/**
 * Opens an archive for reading: a git URL, a folder with a git repository or with the files, or the HTTP root
 * of the files. For an http(s) URL that does not end in `.git`, one request finds out which it is.
 *
 * @param warn hears of entries of the catalog that cannot be used; without it they make the catalog unusable
 * @param content `modules` for the files that hold modules too, which only a git archive has beside the others
 * @throws Failure `usage`, `not-found`, `network`
 */
export async function openReader(
  platform: ReaderPlatform,
  where: string,
  content: ArchiveContent = 'kernels',
  warn?: (line: string) => void,
): Promise<ArchiveReader> {
  if (/^https?:\/\//i.test(where) && !(await speaksGit(platform, where))) {
    if (content === 'modules') throw noBranches(addressText(where), 'the HTTP root of files');
    return httpReader(addressText(where), rawFiles(platform, where), warn);
  }
  if (content === 'kernels') {
    return archiveReader(await openArchive(platform, where), content, warn);
  }
  if (parseLocation(where).kind === 'folder') throw noBranches(where, 'a folder without git');
  const archive = await openArchive(platform, where);
  if ((await archive.head(MODULES_BRANCH)) !== undefined) {
    return archiveReader(archive, content, warn);
  }
  await archive.close();
  throw new Failure(
    'not-found',
    `${archive.name} has no branch '${MODULES_BRANCH}', so no files with modules.`,
    'Leave out --modules, or name an archive that has them.',
  );
}

function noBranches(where: string, what: string): Failure {
  return new Failure(
    'usage',
    `${where} is ${what}, which has no branches, and --modules reads the branch '${MODULES_BRANCH}'.`,
    'Give the place of the files with modules itself, without --modules.',
  );
}

/** Whether a URL is a git repository: by its name, or by the answer of the smart protocol (gitprotocol-http(5)). */
async function speaksGit(
  { http, env, interrupted }: ReaderPlatform,
  where: string,
): Promise<boolean> {
  const url = URL.canParse(where) ? new URL(where) : undefined;
  // The git reader reports invalid URLs and removes passwords.
  if (url?.username !== '' || url.password !== '') return true;
  const path = url.pathname.replace(/\/+$/, '');
  if (path.endsWith('.git')) return true;
  url.pathname = `${path}/info/refs`;
  url.search = '?service=git-upload-pack';
  try {
    const answer = await http.request({ url: url.href, signal: interrupted });
    answer.body.on('error', () => {}).destroy();
    return (answer.headers['content-type'] ?? '').startsWith('application/x-git-');
  } catch (error) {
    interrupted.throwIfAborted();
    const why = `The archive ${addressText(where)} cannot be reached: ${describe(error)}.`;
    throw new Failure('network', why, networkAdvice(env), error);
  }
}

/** Names the proxy variable that is set, and not its value, which can have a password. */
function networkAdvice(env: ReaderPlatform['env']): string {
  const names = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'];
  const proxy = names.find((name) => env[name]);
  return proxy === undefined
    ? 'Check the URL and the network.'
    : `Check the URL, the network and the proxy of ${proxy}.`;
}

function rawFiles(
  { http, clock, interrupted }: ReaderPlatform,
  root: string,
): (path: string) => Promise<Buffer | undefined> {
  const pool = new MirrorPool([root], { http, clock, random: Math.random });
  return (path) =>
    fetchFile(pool, path, { signal: interrupted }, async ({ status, body }) => {
      if (status !== 200) return undefined;
      const exceeded = (why: string) =>
        new Failure('bad-archive', `${path} of ${addressText(root)} ${why}.`);
      const content = await readBody(body, { bytes: MOST_BYTES, exceeded });
      // Neither a catalog nor a tarball starts like a web page.
      if (/^\s*</.test(content.toString('latin1', 0, 100))) {
        throw new Failure(
          'network',
          `${addressText(root)} answered with a web page instead of ${path}.`,
          'Open the URL in a browser: it can be the login page of the network, or not the root of the files.',
        );
      }
      return content;
    });
}
