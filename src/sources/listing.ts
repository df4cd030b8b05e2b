import { Parser } from 'htmlparser2';

/** What a server's page of a folder lists, each name once, decoded, in the order of the page. */
export interface Listing {
  readonly folders: readonly string[];
  /** Everything that is not marked as a folder. */
  readonly files: readonly string[];
}

/**
 * Reads a server's page of a folder: HTML as nginx, Apache, lighttpd, Caddy and Python write it, JSON and
 * XML of nginx's autoindex, and the XML of an S3 bucket. In HTML the links count, not their text, because
 * servers cut long names. Undefined for any other page, and for an S3 listing that is cut off.
 *
 * @param pageUrl where the page came from, after redirects
 */
export function readListing(text: string, pageUrl: string): Listing | undefined {
  const start = text.slice(0, 1000).trimStart();
  if (start.startsWith('[') || start.startsWith('{')) return readJson(text);
  if (/^(?:<\?xml[^>]*>\s*)?<(?:list|ListBucketResult)\b/.test(start)) return readXmlListing(text);
  return readHtml(text, pageUrl);
}

/** A name as a page gives it, and whether the page marks it as a folder. */
interface NamedLink {
  readonly name: string;
  readonly isFolder: boolean;
}

function toListing(entries: Iterable<NamedLink>): Listing {
  const folders = new Set<string>();
  const files = new Set<string>();
  for (const { name, isFolder } of entries) {
    if (!isName(name)) continue;
    if (isFolder) folders.add(name);
    else files.add(name);
  }
  return { folders: [...folders], files: [...files] };
}

function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !name.includes('/');
}

/** ngx_http_autoindex_module with `autoindex_format json`. */
function readJson(text: string): Listing | undefined {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(data) || !data.every(isJsonEntry)) return undefined;
  return toListing(data.map(({ name, type }) => ({ name, isFolder: type === 'directory' })));
}

function isJsonEntry(entry: unknown): entry is { readonly name: string; readonly type: string } {
  if (typeof entry !== 'object' || entry === null) return false;
  return (
    'name' in entry &&
    typeof entry.name === 'string' &&
    'type' in entry &&
    typeof entry.type === 'string'
  );
}

/**
 * nginx with `autoindex_format xml`: `<list>` of `<directory>` and `<file>`. S3: `<ListBucketResult>` with
 * `<Contents><Key>` and `<CommonPrefixes><Prefix>`, all of them below `<Prefix>`.
 */
function readXmlListing(text: string): Listing | undefined {
  const nginx: NamedLink[] = [];
  const keys: string[] = [];
  let prefix = '';
  let isCut = false;
  const path: string[] = [];
  let content = '';
  const parser = new Parser(
    {
      onopentag: (name) => {
        path.push(name);
        content = '';
      },
      ontext: (piece) => {
        content += piece;
      },
      onclosetag: () => {
        const place = path.join(' ');
        path.pop();
        if (place === 'list directory') nginx.push({ name: content, isFolder: true });
        if (place === 'list file') nginx.push({ name: content, isFolder: false });
        if (place === 'ListBucketResult Prefix') prefix = content;
        if (place === 'ListBucketResult IsTruncated') isCut = content.trim() === 'true';
        if (/^ListBucketResult (?:Contents Key|CommonPrefixes Prefix)$/.test(place)) {
          keys.push(content);
        }
        content = '';
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(text);
  if (isCut) return undefined;
  const below = keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  const s3 = below.map((key) => ({ name: key.split('/')[0] ?? '', isFolder: key.includes('/') }));
  return toListing([...nginx, ...s3]);
}

interface Link extends NamedLink {
  readonly origin: string;
}

/**
 * The children that a page links to. A proxy may serve pages whose links have the name of the server
 * behind it: links to another origin count where the page has no child of its own origin, and is called an index.
 */
function readHtml(html: string, pageUrl: string): Listing | undefined {
  const { links, base, title } = parseHtml(html);
  const page = withoutIndex(new URL(pageUrl));
  if (!page.pathname.endsWith('/')) page.pathname += '/';
  const resolveFrom =
    base !== undefined && URL.canParse(base, page.href) ? new URL(base, page) : page;
  const isIndex = /^\s*(?:index of|directory listing for)\s/i.test(title);
  const children: Link[] = [];
  let linksToParent = false;
  const isBeside = resolveFrom.href === page.href;
  for (const href of links) {
    if (isBeside && SIMPLE_LINK.test(href)) {
      const isFolder = href.endsWith('/');
      const name = isFolder ? href.slice(0, -1) : href;
      if (!INDEX.test(`/${name}`)) children.push({ name, isFolder, origin: page.origin });
      continue;
    }
    if (!URL.canParse(href, resolveFrom.href)) continue;
    const target = withoutIndex(new URL(href, resolveFrom));
    if (target.origin === page.origin && target.pathname === parentOf(page.pathname)) {
      linksToParent = true;
    }
    const child = childOf(page.pathname, target.pathname);
    if (child) children.push({ ...child, origin: target.origin });
  }
  const own = children.filter(({ origin }) => origin === page.origin);
  const chosen = own.length > 0 || !isIndex ? own : mostFrequentOrigin(children);
  if (chosen.length === 0 && !linksToParent && !isIndex) return undefined;
  // A server that marks no folder with a slash: any entry may be one.
  const marks = chosen.some(({ isFolder }) => isFolder);
  const listing = toListing(chosen);
  return marks ? listing : { folders: listing.files, files: listing.files };
}

function parseHtml(html: string) {
  const links: string[] = [];
  let base: string | undefined;
  let title = '';
  let inTitle = false;
  const parser = new Parser({
    onopentag: (name, attributes) => {
      if (name === 'a' && attributes.href !== undefined) links.push(attributes.href);
      if (name === 'base') base ??= attributes.href;
      if (name === 'title') inTitle = title === '';
    },
    ontext: (piece) => {
      if (inTitle && title.length < 1000) title += piece;
    },
    onclosetag: (name) => {
      if (name === 'title') inTitle = false;
    },
  });
  parser.end(html);
  return { links, base, title };
}

function mostFrequentOrigin(links: readonly Link[]): readonly Link[] {
  const counts = new Map<string, number>();
  for (const { origin } of links) counts.set(origin, (counts.get(origin) ?? 0) + 1);
  const [first] = [...counts].sort(([, one], [, two]) => two - one);
  return links.filter(({ origin }) => origin === first?.[0]);
}

/** A link that is the name of a child as it stands: most are, and a page may have 50,000. */
const SIMPLE_LINK = /^[0-9A-Za-z_][0-9A-Za-z_.+~=,@-]*\/?$/;
/** Static listings link to `folder/index.html`. */
const INDEX = /\/index\.html?$/i;

function withoutIndex(url: URL): URL {
  if (INDEX.test(url.pathname)) url.pathname = url.pathname.replace(INDEX, '/');
  return url;
}

function childOf(folder: string, path: string): NamedLink | undefined {
  if (!path.startsWith(folder)) return undefined;
  const rest = path.slice(folder.length);
  if (!/^[^/]+\/?$/.test(rest)) return undefined;
  const isFolder = rest.endsWith('/');
  try {
    return { name: decodeURIComponent(isFolder ? rest.slice(0, -1) : rest), isFolder };
  } catch {
    return undefined;
  }
}

function parentOf(folder: string): string {
  return folder.replace(/[^/]+\/$/, '');
}
