/** Version of `site.json`; raised when pages that know the old one would be misled. */
export const MANIFEST_SCHEMA = 1;

/** `site.json`, which the pages read first. Its database's name changes with its bytes, so no cache mixes two of them. */
export interface SiteManifest {
  readonly schema: typeof MANIFEST_SCHEMA;
  readonly database: {
    readonly file: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly pageSize: number;
  };
  /** The public URL of the archive, and of the folder in which the paths of its tarballs begin; or empty. */
  readonly archive: string;
  readonly raw: string;
  /** The newest time in the archive's catalog, ISO 8601, UTC; null without a catalog. */
  readonly generatedAt: string | null;
  /** Kernels whose definitions are in the database. */
  readonly kernels: number;
  readonly definitions: number;
}
