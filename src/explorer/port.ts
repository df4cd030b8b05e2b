/** A value of SQLite. */
export type SqlValue = string | number | bigint | Uint8Array | null;

export type Row = Readonly<Record<string, SqlValue>>;

/** Runs one query over the explorer's database. All rows come at once, each by the names of its columns. */
export type Rows = (sql: string, parameters?: readonly SqlValue[]) => readonly Row[];
