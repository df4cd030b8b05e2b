import { partsOf } from '../explorer/parts.ts';
import type { Rows } from '../explorer/port.ts';
import {
  completeName,
  definitionsById,
  diffKernels,
  historyOfField,
  listKernels,
  versionsOf,
} from '../explorer/queries.ts';
import { Failure } from '../failure.ts';
import type { Answers, Kernel, Question, Reply, SiteFile } from './answers.ts';
import { checkObject } from './check/check-object.ts';
import { loadBytes, openHttpFile } from './database/http-file.ts';
import { loadSqlite } from './database/load-sqlite.ts';
import { openDatabase } from './database/open.ts';
import { SiteError } from './database/site-error.ts';
import { readSiteFile } from './site-file.ts';

interface Opened {
  readonly file: SiteFile;
  readonly rows: Rows;
  readonly kernels: readonly Kernel[];
}

const here = new URL('.', self.location.href);
let opening: Promise<Opened> | undefined;

/** The database, opened once. What failed is tried again when something is asked again. */
function opened(): Promise<Opened> {
  opening ??= open().catch((thrown) => {
    opening = undefined;
    throw thrown;
  });
  return opening;
}

async function open(): Promise<Opened> {
  const [file, sqlite3] = await Promise.all([
    loadBytes(new URL('site.json', here).href).then(readSiteFile),
    loadBytes(new URL('sqlite3.wasm.gz', here).href).then(unzipped).then(loadSqlite),
  ]);
  const url = new URL(file.database.file, here).href;
  const { bytes } = file.database;
  const access = await openHttpFile(url, bytes, (done) => report(done, bytes));
  const rows = openDatabase(sqlite3, access);
  return { file, rows, kernels: listKernels(rows) };
}

/** Hosts that know the ending `.gz` have unpacked it already. */
async function unzipped(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (thrown) {
    throw new SiteError('damaged', `sqlite3.wasm.gz: ${String(thrown)}`);
  }
}

const answers: Answers = {
  open: async () => {
    const { file, kernels } = await opened();
    return { file, kernels };
  },
  complete: async (prefix, limit) => completeName((await opened()).rows, prefix, limit),
  versions: async (name) => versionsOf((await opened()).rows, name),
  completePath: async (name, prefix, limit) => {
    const { rows } = await opened();
    const paths = versionsOf(rows, name).flatMap(({ definition }) =>
      partsOf(definition).map(({ path }) => path),
    );
    const matching = [...new Set(paths)].filter((path) => path.startsWith(prefix));
    return matching.sort().slice(0, limit);
  },
  field: async (name, path) => historyOfField((await opened()).rows, name, path),
  diff: async (first, second) => {
    const { rows, kernels } = await opened();
    const [one, two] = [first, second].map((id) => kernels.find((kernel) => kernel.id === id));
    return one && two ? diffKernels(rows, one, two) : [];
  },
  definitions: async (kind, name, ids) =>
    definitionsById((await opened()).rows, { kind, name }, ids),
  check: async (name, bytes) => {
    const { rows, kernels } = await opened();
    return checkObject(rows, kernels, name, bytes, report);
  },
};

self.onmessage = async ({ data }: MessageEvent<Question>) => {
  const { id, method, parameters } = data;
  try {
    const answer = answers[method] as (...all: readonly unknown[]) => Promise<unknown>;
    reply({ kind: 'answer', id, value: await answer(...parameters) });
  } catch (thrown) {
    reply({ kind: 'error', id, ...describeError(thrown) });
  }
};

function describeError(thrown: unknown): { error: SiteError['kind']; detail: string } {
  if (thrown instanceof SiteError) return { error: thrown.kind, detail: thrown.detail };
  // The database has something that its readers refuse.
  if (thrown instanceof Failure) return { error: 'damaged', detail: thrown.message };
  return { error: 'bug', detail: String(thrown) };
}

function report(done: number, total: number): void {
  reply({ kind: 'progress', done, total });
}

function reply(message: Reply): void {
  self.postMessage(message);
}
