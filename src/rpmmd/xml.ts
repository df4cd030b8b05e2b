import { StringDecoder } from 'node:string_decoder';
import { SaxesParser } from 'saxes';
import { describe, Failure } from '../failure.ts';

/** Called for each tag, with the prefix of every name taken off. */
export interface XmlHandler {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  /** `text` is the character data directly inside the element since its last child. */
  close(name: string, text: string): void;
}

/** Characters from one tag to the end of the next: bounds text, names, attributes and comments at once. */
const LONGEST_PART = 1024 * 1024;
/** The metadata of createrepo_c has five levels. */
const DEEPEST = 64;
/** The parser gets so many characters at a time, so that both bounds are checked in time. */
const SLICE = 64 * 1024;

/**
 * Passes XML in UTF-8, as it arrives, to a handler. Rejects with `bad-repository` for what is a web page, is not
 * well-formed, is cut off, nests deeper than 64 elements, or has more than 1 MiB between two tags; `origin` says
 * what is read. Memory is bounded by these limits.
 */
export async function readXml(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  handler: XmlHandler,
  origin: string,
): Promise<void> {
  const parser = new SaxesParser({ position: false, xmlns: false } as const);
  const decoder = new StringDecoder('utf8');
  let text = '';
  let depth = 0;
  let tagSeen = false;
  let sinceTag = 0;
  parser.on('error', (error) => {
    throw notXml(origin, describe(error));
  });
  parser.on('doctype', () => {
    throw notXml(origin, 'it declares a document type');
  });
  parser.on('opentag', (tag) => {
    depth += 1;
    if (depth > DEEPEST) throw notXml(origin, `its elements nest deeper than ${DEEPEST}`);
    tagSeen = true;
    text = '';
    handler.open(localName(tag.name), tag.attributes);
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  parser.on('cdata', (piece) => {
    text += piece;
  });
  parser.on('closetag', (tag) => {
    depth -= 1;
    tagSeen = true;
    handler.close(localName(tag.name), text);
    text = '';
  });
  const write = (piece: string) => {
    for (let at = 0; at < piece.length; at += SLICE) {
      const slice = piece.slice(at, at + SLICE);
      tagSeen = false;
      parser.write(slice);
      sinceTag = tagSeen ? 0 : sinceTag + slice.length;
      if (sinceTag > LONGEST_PART) {
        throw notXml(origin, `it has more than ${LONGEST_PART} characters without a tag`);
      }
    }
  };
  let begun = false;
  for await (const { buffer, byteOffset, byteLength } of chunks) {
    const piece = decoder.write(Buffer.from(buffer, byteOffset, byteLength));
    if (!begun && WEB_PAGE.test(piece)) throw notXml(origin, 'it is a web page');
    begun ||= piece !== '';
    write(piece);
  }
  write(decoder.end());
  parser.close();
}

const WEB_PAGE = /^\s{0,4096}<(?:!doctype\s+)?html\b/i;

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function notXml(origin: string, why: string): Failure {
  return new Failure(
    'bad-repository',
    `${origin} is not the metadata it should be: ${why.replace(/\.+$/, '')}.`,
    'The mirror may be in the middle of an update, or the network answers with a page of its own: try again later, or another --mirror.',
  );
}
