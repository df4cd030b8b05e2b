import type { BranchState } from '../../archive/branch-state.ts';
import {
  type ArchiveContent,
  builtEntry,
  CATALOG_BRANCH,
  type Catalog,
  catalogFileOf,
  EMPTY_CATALOG,
  failedEntry,
  mergeCatalog,
  parseCatalog,
  serialiseCatalog,
  updateStates,
} from '../../archive/catalog.ts';
import { DATADOG_FILE, datadogCatalog } from '../../archive/datadog.ts';
import type { FailureRecord } from '../../archive/record.ts';
import { attestationPath } from '../../attestation/bundle.ts';
import { pushBranch } from '../../git/push.ts';
import type { Remote } from '../../git/remote.ts';
import type { Oid } from '../../git/repository.ts';
import { type PublishContext, retryPush } from './push-kernels.ts';
import type { ValidatedKernel } from './validate-input.ts';

/** The catalog as the archive has it now. */
export interface CatalogState {
  readonly catalog: Catalog;
  readonly commit: Oid | undefined;
}

/** Reads the catalog's branch; empty when there is none. Throws `bad-archive` for one that is broken. */
export async function readCatalog(remote: Remote, content: ArchiveContent): Promise<CatalogState> {
  if (!(await remote.branches()).has(CATALOG_BRANCH)) {
    return { catalog: EMPTY_CATALOG, commit: undefined };
  }
  const [commit] = await remote.fetchBranches([CATALOG_BRANCH], 1);
  const files = await remote.repository.listTree(commit as Oid);
  const file = files.get(catalogFileOf(content));
  if (file === undefined) return { catalog: EMPTY_CATALOG, commit };
  await remote.fetchBlobs(CATALOG_BRANCH, [file.oid]);
  const [text] = await remote.repository.readBlobs([file.oid]);
  return { catalog: parseCatalog(String(text), remote.name), commit };
}

export interface UpdatedCatalog {
  readonly catalog: Catalog;
  /** The branch's new commit; undefined when the catalog says all of it already. */
  readonly commit: Oid | undefined;
}

/**
 * Writes what is new into the catalog: the kernels that are on a branch, those that failed, and the
 * states of all others as the branches have them now. When another run was faster, both are merged.
 *
 * @param seen the catalog as it was read before; looked at again only when it is so no longer
 */
export async function updateCatalog(
  context: PublishContext,
  listings: Pick<BranchState, 'base' | 'next'>,
  news: {
    readonly built: readonly ValidatedKernel[];
    readonly failed: readonly FailureRecord[];
    /** Sigstore bundles by the SHA-256 of the tarball. */
    readonly attestations: ReadonlyMap<string, string>;
  },
  seen: CatalogState,
): Promise<UpdatedCatalog> {
  const { remote, committer, content, runUrl, dryRun } = context;
  const entries = [
    ...news.built.map(({ record, blob }) => builtEntry(record, blob, runUrl)),
    ...news.failed.map((record) => failedEntry(record, runUrl)),
  ];
  let latest: CatalogState | undefined = seen;
  return retryPush(context, CATALOG_BRANCH, async () => {
    const known = latest ?? (await readCatalog(remote, content));
    latest = undefined;
    const merged = mergeCatalog(known.catalog, entries);
    const catalog = updateStates(merged, listings.base, listings.next);
    const text = serialiseCatalog(catalog);
    const nothing = catalog.size === 0 && known.commit === undefined;
    if (nothing || text === serialiseCatalog(known.catalog)) return { catalog, commit: undefined };
    const datadog = `${JSON.stringify(datadogCatalog(catalog), null, 2)}\n`;
    const file = async (content: string) => {
      return { mode: '100644', oid: await committer.writeBlob(Buffer.from(content)) };
    };
    const files = new Map([[catalogFileOf(content), await file(text)]]);
    // DataDog's agent reads the files without modules.
    if (content === 'kernels') files.set(DATADOG_FILE, await file(datadog));
    for (const { record } of news.built) {
      const { sha256 } = record.tarball;
      const bundles = news.attestations.get(sha256);
      // Tarballs of one run have the same bundle, which git keeps once.
      if (bundles !== undefined) files.set(attestationPath(sha256), await file(bundles));
    }
    const tree = await committer.writeTree(known.commit, files);
    const message = describeNews(known.catalog, catalog, runUrl);
    const commit = await committer.commit(tree, known.commit, message);
    if (dryRun) return { catalog, commit };
    const pushed = await pushBranch(remote, CATALOG_BRANCH, commit, known.commit);
    return pushed === 'done' ? { catalog, commit } : pushed;
  });
}

function describeNews(before: Catalog, after: Catalog, runUrl: string | undefined): string {
  const changed = [...after].filter(
    ([path, entry]) => JSON.stringify(entry) !== JSON.stringify(before.get(path)),
  );
  const states = (['pending', 'archived', 'failed'] as const).flatMap((state) => {
    const count = changed.filter(([, entry]) => entry.state === state).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  const gone = [...before.keys()].filter((path) => !after.has(path)).length;
  const news = [...states, ...(gone === 0 ? [] : [`${gone} gone`])].join(', ');
  return `Catalog: ${news}\n${runUrl === undefined ? '' : `\nRun: ${runUrl}\n`}`;
}
