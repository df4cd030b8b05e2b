import { type Catalog, entryPath } from './catalog.ts';

/** Beside `catalog.json`, for the agents that read DataDog's catalog. */
export const DATADOG_FILE = 'datadog.json';

/** `{arch: {distribution: {VERSION_ID: {uname -r: {sha256}}}}}`, as DataDog's own archive has it. */
export type DatadogCatalog = Record<
  string,
  Record<string, Record<string, Record<string, { readonly sha256: string }>>>
>;

/**
 * The kernels that are in the archive or wait for review, in DataDog's shape: folders as the archive
 * names them (`arm64`), the sum of the tarball, every level sorted.
 */
export function datadogCatalog(catalog: Catalog): DatadogCatalog {
  const tree: DatadogCatalog = {};
  const entries = [...catalog.values()].flatMap((entry) => {
    if (entry.state === 'failed') return [];
    const [distribution = '', version = '', arch = ''] = entryPath(entry).split('/');
    const { uname, tarball } = entry;
    return [{ keys: [arch, distribution, version, uname] as const, sha256: tarball.sha256 }];
  });
  const key = ({ keys }: { keys: readonly string[] }) => keys.join('/');
  entries.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  for (const { keys, sha256 } of entries) {
    const [arch, distribution, version, uname] = keys;
    tree[arch] ??= {};
    const distributions = tree[arch];
    distributions[distribution] ??= {};
    const versions = distributions[distribution];
    versions[version] ??= {};
    versions[version][uname] = { sha256 };
  }
  return tree;
}
