import type { PublishDocument } from '../documents/build.ts';
import type { ForgeName } from '../forge/forge.ts';
import { hasPending } from '../jobs/publish/messages.ts';
import type { Published, PublishRequest, PullRequestMissing } from '../jobs/publish/publish.ts';
import type { ValidatedKernel } from '../jobs/publish/validate-input.ts';
import { escapeMarkdown } from '../report/table.ts';
import { bytes, counted } from '../report/units.ts';
import type { Outcome } from './command.ts';

/** What a run of publish did, for a program, for a person and for the steps that follow. */
export function publishOutcome(
  request: Omit<PublishRequest, 'forge' | 'credential'>,
  forge: ForgeName | undefined,
  published: Published,
): Outcome<typeof PublishDocument> {
  const { additions, input, pullRequest, commit, catalogCommit, moved, waiting } = published;
  const { added, left, refused, aliases } = additions;
  const ensured = pullRequest.action === 'none' ? undefined : pullRequest;
  const lines = report(request, published);
  const unfinished = refused.length > 0 || reasonOf(pullRequest) === 'no-base';
  return {
    status: unfinished ? 1 : 0,
    document: {
      operation: request.dryRun ? 'dry-run' : commit !== undefined ? 'pushed' : 'nothing-new',
      archive: request.location.url,
      branch: request.branch,
      base: request.base,
      moved,
      commit: commit ?? null,
      catalogCommit: catalogCommit ?? null,
      pullRequest: {
        action: pullRequest.action,
        ...(forge === undefined ? {} : { forge }),
        ...(ensured === undefined
          ? { why: reasonOf(pullRequest) }
          : { number: ensured.pullRequest.number, url: ensured.pullRequest.url }),
      },
      added: added.map(summary),
      left: left.map(summary),
      refused: refused.map(summary),
      failed: input.failed.map(({ uname, reason, message }) => ({ uname, reason, message })),
      twins: aliases,
      waiting: {
        kernels: waiting.known.map(({ uname }) => uname),
        others: waiting.others,
        removed: waiting.removed,
      },
    },
    text: `${lines.join('\n')}\n`,
    outputs: {
      added: `${added.length}`,
      left: `${left.length}`,
      refused: `${refused.length}`,
      commit: commit ?? '',
      'pull-request-number': `${ensured?.pullRequest.number ?? ''}`,
      'pull-request-url': ensured?.pullRequest.url ?? '',
      'pull-request-operation': pullRequest.action,
    },
    summary: `### BTF archive\n\n${lines.map((line) => `- ${escapeMarkdown(line.trim())}`).join('\n')}\n`,
    failures: refused.map(({ record }) => ({ title: record.uname, message: REFUSED })),
  };
}

const REFUSED =
  'The archive has it with other bytes, which stay. Give --replace to put these in their place.';

function summary({ record }: ValidatedKernel) {
  const { uname, tarball } = record;
  return { uname, path: tarball.path, size: tarball.size, sha256: tarball.sha256 };
}

function reasonOf(pullRequest: Published['pullRequest']): PullRequestMissing['why'] | undefined {
  return pullRequest.action === 'none' ? pullRequest.why : undefined;
}

function report(
  request: Omit<PublishRequest, 'forge' | 'credential'>,
  published: Published,
): string[] {
  const { additions, input, commit, catalogCommit, moved, waiting } = published;
  const { added, left, refused, aliases } = additions;
  const { branch, base, dryRun } = request;
  const size = added.reduce((total, { record }) => total + record.tarball.size, 0);
  const would = dryRun ? 'would be ' : '';
  return [
    added.length > 0
      ? `${kernels(added.length)} (${bytes(size)}) ${would}pushed to '${branch}'${short(commit, dryRun)}`
      : commit === undefined
        ? `Nothing new: nothing ${dryRun ? 'would be' : 'is'} pushed to '${branch}'`
        : `'${branch}' ${would}pushed${short(commit, dryRun)}`,
    ...(moved === 'rebased' && commit ? [`What waited ${would}rebased on '${base}'`] : []),
    ...(moved === 'afresh' && commit
      ? [`'${branch}' was merged, and ${would}started afresh on '${base}'`]
      : []),
    ...(aliases.length > 0
      ? [`${counted(aliases.length, 'tarball')} of arm64 ${would}named aarch64 too`]
      : []),
    ...(left.length > 0 ? [`${kernels(left.length)} there already, with the same bytes`] : []),
    ...refused.map(({ record }) => `Refused: ${record.uname}. ${REFUSED}`),
    ...(input.failed.length > 0
      ? [
          `${kernels(input.failed.length)} failed to build; the catalog ${dryRun ? 'would say' : 'says'} why`,
        ]
      : []),
    ...(catalogCommit === undefined ? [] : [`Catalog ${would}brought up to date`]),
    ...(hasPending(waiting)
      ? [`${kernels(waiting.known.length)} ${dryRun ? 'would wait' : 'wait'} for review`]
      : []),
    ...pullRequestLines(request, published.pullRequest),
  ];
}

function kernels(count: number): string {
  return counted(count, 'kernel');
}

function short(commit: string | undefined, dryRun: boolean): string {
  return commit === undefined || dryRun ? '' : ` (commit ${commit.slice(0, 12)})`;
}

function pullRequestLines(
  { base, branch }: Omit<PublishRequest, 'forge' | 'credential'>,
  pullRequest: Published['pullRequest'],
): string[] {
  if (pullRequest.action !== 'none') {
    return [`Pull request ${pullRequest.action}: ${pullRequest.pullRequest.url}`];
  }
  if (pullRequest.why !== 'no-base') return [];
  return [
    `No pull request: the archive has no branch '${base}' yet. Make it once, from '${branch}' or empty, and run this again`,
  ];
}
