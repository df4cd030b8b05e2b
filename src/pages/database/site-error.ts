/** Why a page has no answer. The page has a sentence for each, in the reader's language. */
export type SiteErrorKind =
  | 'offline' // the host does not answer
  | 'missing' // the host does not have the file (HTTP 404): the site was rebuilt, or is incomplete
  | 'refused' // the host answers with another HTTP error
  | 'damaged' // the bytes are not what they should be
  | 'newer' // the site's data has a shape that these pages do not know
  | 'not-an-object' // the dropped file is no eBPF object with BTF
  | 'bug'; // these pages

export class SiteError extends Error {
  override readonly name = 'SiteError';
  readonly kind: SiteErrorKind;
  /** What was asked for, and what the browser or host said. */
  readonly detail: string;

  constructor(kind: SiteErrorKind, detail: string) {
    super(`${kind}: ${detail}`);
    this.kind = kind;
    this.detail = detail;
  }
}
