import { StringDecoder } from 'node:string_decoder';
import { SaxesParser } from 'saxes';
import { describe, Failure } from '../failure.ts';

/** What a reader of XML hears, with the prefix of every name taken off. */
export interface XmlHandler {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  /** `text` is the character data directly inside the element since its last child. */
  close(name: string, text: string): void;
}

/**
 * Feeds XML in UTF-8, as it comes, to a handler. Rejects with `bad-repository` for what is a web
 * page, is not well-formed, or is cut off; `origin` says what was being read. Memory is bounded by
 * the largest run of character data.
 */
export async function readXml(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  handler: XmlHandler,
  origin: string,
): Promise<void> {
  const parser = new SaxesParser({ position: false, xmlns: false } as const);
  const decoder = new StringDecoder('utf8');
  let text = '';
  parser.on('error', (error) => {
    throw notXml(origin, describe(error));
  });
  parser.on('doctype', () => {
    throw notXml(origin, 'it declares a document type');
  });
  parser.on('opentag', (tag) => {
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
    handler.close(localName(tag.name), text);
    text = '';
  });
  let begun = false;
  for await (const { buffer, byteOffset, byteLength } of chunks) {
    const piece = decoder.write(Buffer.from(buffer, byteOffset, byteLength));
    if (!begun && WEB_PAGE.test(piece)) throw notXml(origin, 'it is a web page');
    begun ||= piece !== '';
    parser.write(piece);
  }
  parser.write(decoder.end());
  parser.close();
}

const WEB_PAGE = /^\s*<(?:!doctype\s+)?html\b/i;

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}

function notXml(origin: string, why: string): Failure {
  return new Failure(
    'bad-repository',
    `${origin} is not the metadata it should be: ${why.replace(/\.+$/, '')}.`,
    'A mirror in the middle of an update, or a network that answers with pages of its own: try again later, or another --mirror.',
  );
}
