import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { MODULES_BRANCH, MODULES_NEXT_BRANCH } from '../archive/catalog.ts';
import { url } from '../archive/shapes.ts';
import { type AttestationBundle, MOST_BUNDLE_BYTES, parseBundles } from '../attestation/bundle.ts';
import { PublishDocument } from '../documents/build.ts';
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
import { readNamed } from './attestation-options.ts';
import { choice, defineCommand, flag, list, number, text, type Values } from './command.ts';
import { publishOutcome } from './publish-report.ts';

const options = {
  input: list('<folder>', 'folder that build wrote: tarballs and records, nothing else', {
    required: true,
    separator: 'lines',
  }),
  archive: text('<git URL>', 'git repository of the archive: a URL, or a folder with a clone', {
    required: true,
  }),
  branch: text('<branch>', 'branch to push to; its files wait for review', { default: 'next' }),
  base: text(
    '<branch>',
    'branch with reviewed files, which the pull request is for; nothing is pushed to it',
    {
      default: 'master',
    },
  ),
  forge: choice(['auto', ...FORGES], "kind of forge; 'auto' finds it by the host name", {
    default: 'auto',
  }),
  apiUrl: text('<URL>', "root URL of the forge's API, if the host name does not tell it"),
  noPullRequest: flag('push only, and open no pull request'),
  tokenFile: text('<file>', 'file that holds the token; BTFHUB_TOKEN holds the token itself'),
  user: text('<name>', 'user name for the token, if the git host requires one'),
  author: text('<Name <mail>>', "author of the commits; by default the one of git's configuration"),
  committer: text(
    '<Name <mail>>',
    "committer of the commits; by default the one of git's configuration",
  ),
  runUrl: text('<URL>', 'URL of the run that publishes; by default the one that the CI host gives'),
  modules: flag(
    "publish files with modules, from build's --modules-output: to the branch 'modules', by way of 'modules-next'",
    { variable: 'BTFHUB_WITH_MODULES' },
  ),
  attestationBundle: list(
    '<file>',
    'Sigstore bundle with the attestation of the tarballs, which is kept beside the catalog for those who fetch them',
    { separator: 'lines' },
  ),
  replace: flag('replace files of the archive that have the same name and other bytes'),
  minimumTypes: number('<number>', 'minimum number of types in the BTF of a kernel', {
    default: 10_000,
    least: 1,
    most: 10_000_000,
  }),
  allowEmpty: flag('accept an --input without records, to update only the catalog'),
  dryRun: flag('push nothing, ask no forge, and print what would be done'),
} as const;

export const publish = defineCommand({
  name: 'publish',
  summary: 'push new tarballs to the archive, for a person to review',
  description:
    'Checks every tarball and record again, commits the new ones to the branch on top of what waits there, updates the catalog, ' +
    'and opens or updates one pull request. Nothing is pushed to the base branch, nothing that waits is lost, and only new files are sent. ' +
    'The token is read from BTFHUB_TOKEN or --token-file.',
  options,
  examples: [
    'btfhub publish --input btf --archive https://atomgit.com/openeuler/btfhub-archive.git',
    'btfhub publish --input btf --archive https://git.example.org/btf/archive.git --forge gitea',
    'btfhub publish --input btf --archive ../btfhub-archive --no-pull-request --dry-run',
  ],
  document: PublishDocument,
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
    const attestations = await readBundles(given.attestationBundle);
    const request = { ...toRequest(platform, given), location, credential, attestations };
    const forge = chooseForge(platform, location, credential, given);
    const result = await runPublish(platform, openProgress(platform), { ...request, forge });
    return publishOutcome(request, forge?.name, result);
  },
});

type PublishOptions = Values<typeof options>;

/** The bundles of `--attestation-bundle`; undefined where none is given. */
async function readBundles(
  files: readonly string[],
): Promise<readonly AttestationBundle[] | undefined> {
  if (files.length === 0) return undefined;
  const texts = files.map(async (file) => {
    const bytes = await readNamed('--attestation-bundle', file);
    if (bytes.length <= MOST_BUNDLE_BYTES) return parseBundles(bytes.toString('utf8'), file);
    throw new Failure(
      'bad-attestation',
      `${file} is too large to be a Sigstore bundle.`,
      'Give --attestation-bundle the file that the attest job of the workflow made.',
    );
  });
  return (await Promise.all(texts)).flat();
}

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
): Omit<PublishRequest, 'location' | 'credential' | 'forge' | 'attestations'> {
  // The branches of files without modules never get one with modules.
  const { modules } = given;
  const base = modules && given.base === 'master' ? MODULES_BRANCH : asBranch(given.base);
  const branch = modules && given.branch === 'next' ? MODULES_NEXT_BRANCH : asBranch(given.branch);
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
