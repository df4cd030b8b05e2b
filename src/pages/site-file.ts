import { MANIFEST_SCHEMA } from '../explorer/manifest.ts';
import type { SiteFile } from './answers.ts';
import { SiteError } from './database/site-error.ts';

/** Reads `site.json`. Throws SiteError `damaged`, or `newer`. */
export function readSiteFile(bytes: Uint8Array): SiteFile {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (thrown) {
    throw new SiteError('damaged', `site.json: ${String(thrown)}`);
  }
  const { schema, database, archive, raw, generatedAt }: Record<string, unknown> = Object(content);
  if (typeof schema === 'number' && schema > MANIFEST_SCHEMA) {
    throw new SiteError('newer', `site.json: schema ${schema}`);
  }
  const { file, bytes: size }: Record<string, unknown> = Object(database);
  // A plain name: whatever stands in the file, the pages ask only their own folder.
  const isSound =
    schema === MANIFEST_SCHEMA &&
    typeof file === 'string' &&
    /^[\w-]+(\.[\w-]+)*$/.test(file) &&
    Number.isSafeInteger(size);
  if (!isSound) throw new SiteError('damaged', 'site.json: it does not name the database');
  return {
    database: { file, bytes: size as number },
    archive: typeof archive === 'string' ? archive : '',
    raw: typeof raw === 'string' && /^https?:\/\//.test(raw) ? raw : '',
    generatedAt: typeof generatedAt === 'string' ? generatedAt : null,
  };
}
