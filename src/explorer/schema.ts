/** Version of the tables, in SQLite's user_version; raised when a reader of the old ones would be misled. */
export const SITE_SCHEMA = 1;

/** Bytes of a page: one HTTP range of a struct's history is a few of them. */
export const PAGE_SIZE = 4096;

/**
 * The tables of an explorer's database. Kernels whose BTF is in it have a position: kernels of one distribution,
 * VERSION_ID, architecture and flavour are a series, whose positions follow each other in the order of versions.
 *
 * - `meta`: the public addresses and the newest time, as site.json has them, for other programs.
 * - `kernel`: every kernel that the archive or its catalog has, its BTF in the database or not.
 * - `name`: the definitions of a name and kind are `count` rows of `definition` from `first` on.
 * - `definition`: one row for each different definition, in the order of names and kinds. `body` is the notation of
 *   definition.ts: text, or where that is long, the same deflated.
 * - `run`: the kernels that have a definition, as ranges of positions.
 * - `change`: what each kernel of a series changed: for a name and kind, the ids of its definitions in the kernel
 *   before and in this one, separated by spaces. So a comparison within a series reads only what differs.
 *
 * Rows are inserted in the order of their keys, table after table: what is read together lies together.
 */
export const TABLES = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE kernel (
  id INTEGER PRIMARY KEY,
  position INTEGER,
  series INTEGER,
  uname TEXT NOT NULL,
  distribution TEXT NOT NULL,
  version_id TEXT NOT NULL,
  arch TEXT NOT NULL,
  releases TEXT NOT NULL,
  state TEXT NOT NULL,
  method TEXT,
  pahole TEXT,
  reason TEXT,
  message TEXT,
  size INTEGER,
  sha256 TEXT,
  built_at TEXT,
  identity TEXT
);
CREATE TABLE name (
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (name, kind)
) WITHOUT ROWID;
CREATE TABLE definition (id INTEGER PRIMARY KEY, body NOT NULL);
CREATE TABLE run (
  definition INTEGER NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  PRIMARY KEY (definition, first)
) WITHOUT ROWID;
CREATE TABLE change (
  position INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  PRIMARY KEY (position, kind, name)
) WITHOUT ROWID;
`;
