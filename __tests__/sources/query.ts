import { noCache } from '../../src/rpmmd/cache.ts';
import type { KernelQuery } from '../../src/sources/discover.ts';

/** A query for every kernel of the stock flavour, with the given changes. */
export function queryOf(changes: Pick<KernelQuery, 'source'> & Partial<KernelQuery>): KernelQuery {
  return {
    mirrors: [],
    releases: [],
    arches: [],
    kernels: [],
    flavours: [],
    method: 'auto',
    cache: noCache,
    ...changes,
  };
}
