import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { MODULES_BRANCH, MODULES_NEXT_BRANCH } from '../archive/catalog.ts';
import { url } from '../archive/shapes.ts';
import { describe, Failure } from '../failure.ts';
import { findForge, openForge } from '../forge/find.ts';
import { FORGES, type Forge } from '../forge/forge.ts';
import { parseIdentity } from '../git/commits.ts';
import { credentialFor, type GitCredential } from '../git/credential.ts';
import { parseLocation, type RepositoryLocation } from '../git/location.ts';
import { type PublishRequest, publish as runPublish } from '../jobs/publish/publish.ts';
import { addressText, asBranch, printable } from '../names.ts';
import type { Platform } from '../platform/platform.ts';
import { findHost } from '../report/host.ts';
import { openProgress } from '../report/open.ts';
import { choice, defineCommand, flag, list, number, text, type Values } from './command.ts';
import { publishOutcome } from './publish-report.ts';

const options = {
  input: list('<folder>', 'folder that build filled: tarballs and records, and nothing else', {
    required: true,
    separator: 'lines',
  }),
  archive: text('<git URL>', 'git repository of the archive; a folder with one will do', {
    required: true,
  }),
  branch: text('<branch>', 'branch that is pushed, and that a person reviews', { default: 'next' }),
  base: text('<branch>', 'branch that it is to be merged into; never written', {
    default: 'master',
  }),
  forge: choice(['auto', ...FORGES], "kind of the archive's host; 'auto' finds it by the name", {
    default: 'auto',
  }),
  apiUrl: text('<URL>', "address of the forge's API, where it is not the usual one"),
  noPullRequest: flag('push alone, without a pull request'),
  tokenFile: text('<file>', 'file that holds the token; BTFHUB_TOKEN holds the token itself'),
  user: text('<name>', 'user name for git, where the host wants one beside the token'),
  author: text('<Name <mail>>', "author of the commits; by default as git's configuration says"),
  committer: text('<Name <mail>>', 'committer of the commits; by default likewise'),
  runUrl: text('<URL>', 'page of the run that publishes; in a workflow it is known'),
  modules: flag(
    "publish files with modules, from build's --modules-output: to the branch 'modules', by way of 'modules-next'",
    { variable: 'BTFHUB_WITH_MODULES' },
  ),
  replace: flag('put new bytes in the place of other bytes that the archive has under a name'),
  minimumTypes: number('<number>', 'least number of types that a kernel must have', {
    default: 10_000,
    least: 1,
    most: 10_000_000,
  }),
  allowEmpty: flag('take an --input without a record, to bring the catalog alone up to date'),
  dryRun: flag('do everything but push and ask the forge, and say what would be done'),
} as const;

export const publish = defineCommand({
  name: 'publish',
  summary: 'push new tarballs to the archive, for a person to review',
  description:
    'Checks every tarball and record again, puts the new ones on the branch on top of what waits there, brings the catalog up to date, ' +
    'and sees to one open pull request. The base branch is never written, nothing that waits is lost, and only what is new is moved. ' +
    'The token is read from BTFHUB_TOKEN or --token-file.',
  options,
  examples: [
    'btfhub publish --input btf --archive https://atomgit.com/openeuler/btfhub-archive.git',
    'btfhub publish --input btf --archive https://git.example.org/btf/archive.git --forge gitea',
    'btfhub publish --input btf --archive ../btfhub-archive --no-pull-request --dry-run',
  ],
  run: async (platform, given) => {
    const location = parseLocation(given.archive);
    if (location.kind === 'folder') {
      throw new Failure(
        'usage',
        `${location.folder} is no git repository, so nothing can be pushed to it.`,
        'Give --archive the URL of the archive, or a folder with a clone of it.',
      );
    }
    const credential = await readCredential(platform, location, given);
    const request = { ...toRequest(platform, given), location, credential };
    const forge = chooseForge(platform, location, credential, given);
    const result = await runPublish(platform, openProgress(platform), { ...request, forge });
    return publishOutcome(request, forge?.name, result);
  },
});

type PublishOptions = Values<typeof options>;

/** The token, blotted out of logs before anything else is said; none for what needs none. */
async function readCredential(
  platform: Platform,
  location: Exclude<RepositoryLocation, { kind: 'folder' }>,
  given: PublishOptions,
): Promise<GitCredential | undefined> {
  const inUrl = location.kind === 'remote' ? location.password : undefined;
  const token = (await tokenOf(platform, given.tokenFile)) ?? inUrl;
  if (token === undefined) return undefined;
  platform.workflow?.mask(token);
  if (location.kind !== 'remote') return undefined;
  // By ssh git has keys of its own, and the token is for the forge's API.
  const origin = location.origin ?? `https://${location.host}`;
  return credentialFor(origin, token, given.user ?? location.user);
}

async function tokenOf(platform: Platform, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return platform.env.BTFHUB_TOKEN?.trim() || undefined;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new Failure(
      'usage',
      `The file of --token-file cannot be read: ${describe(error)}.`,
      'It is to hold the token, and nothing else.',
    );
  }
}

function toRequest(
  platform: Platform,
  given: PublishOptions,
): Omit<PublishRequest, 'location' | 'credential' | 'forge'> {
  // The branches of files without modules never get one with modules.
  const isOrdinary = !given.modules;
  const base = isOrdinary || given.base !== 'master' ? asBranch(given.base) : MODULES_BRANCH;
  const branch =
    isOrdinary || given.branch !== 'next' ? asBranch(given.branch) : MODULES_NEXT_BRANCH;
  if (base === branch || branch === 'catalog' || base === 'catalog') {
    throw new Failure(
      'usage',
      `--branch ${branch} and --base ${base} must differ, and 'catalog' is the catalog's own.`,
    );
  }
  const { author, committer } = given;
  return {
    folders: given.input,
    allowEmpty: given.allowEmpty,
    content: given.modules ? 'modules' : 'kernels',
    base,
    branch,
    replace: given.replace,
    dryRun: given.dryRun,
    expectation: { kind: 'kernel', minimumTypes: given.minimumTypes ?? 10_000 },
    author: author === undefined ? undefined : parseIdentity(author, '--author'),
    committer: committer === undefined ? undefined : parseIdentity(committer, '--committer'),
    runUrl: checkRunUrl(given.runUrl) ?? findHost(platform.env).runUrl,
  };
}

/** It is written into the catalog, which a password or Markdown in it would spoil. */
function checkRunUrl(text: string | undefined): string | undefined {
  if (text === undefined || v.is(url, text)) return text;
  throw new Failure(
    'usage',
    `--run-url: '${printable(addressText(text))}' is no http or https URL without user and password.`,
  );
}

function chooseForge(
  platform: Platform,
  location: RepositoryLocation,
  credential: GitCredential | undefined,
  given: PublishOptions,
): Forge | undefined {
  // A folder on this machine has no forge, and a dry run without a token asks none.
  if (given.noPullRequest || location.kind !== 'remote') return undefined;
  const forge = given.forge === 'auto' ? undefined : given.forge;
  const address = findForge(location, { forge, apiUrl: given.apiUrl });
  if (credential === undefined) {
    if (given.dryRun) return undefined;
    throw new Failure(
      'usage',
      'A pull request needs a token, and there is none.',
      'Set BTFHUB_TOKEN or --token-file; or give --no-pull-request to push alone.',
    );
  }
  const { http, clock, interrupted } = platform;
  const { token, hide } = credential;
  return openForge(address, { http, clock, signal: interrupted, token, hide });
}
