/**
 * The names of the folders on a server's page of a folder (nginx's autoindex, Apache, Caddy,
 * Python's): every link to a direct child that ends in a slash, decoded, each once, in the page's
 * order. The link's text is not read: servers cut it. Undefined for a page that is none of these,
 * with a link neither to a child nor to the parent.
 */
export function folderNames(html: string, pageUrl: string): readonly string[] | undefined {
  const page = new URL(pageUrl);
  if (!page.pathname.endsWith('/')) page.pathname += '/';
  const names = new Set<string>();
  let plausible = false;
  for (const href of hrefs(html)) {
    if (!URL.canParse(href, page.href)) continue;
    const target = new URL(href, page);
    if (target.origin !== page.origin) continue;
    if (target.pathname === parentOf(page.pathname)) plausible = true;
    const name = childOf(page.pathname, target.pathname);
    if (name === undefined) continue;
    plausible = true;
    if (name.endsWith('/')) names.add(name.slice(0, -1));
  }
  return plausible || /<title>Index of /i.test(html) ? [...names] : undefined;
}

const ANCHOR = /<a\s[^>]*?\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))/gi;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  '#39': "'",
};

function hrefs(html: string): readonly string[] {
  return [...html.matchAll(ANCHOR)].map(([, double, single, bare]) =>
    (double ?? single ?? bare ?? '').replace(
      /&(amp|lt|gt|quot|#39);/g,
      (entity, name: string) => ENTITIES[name] ?? entity,
    ),
  );
}

/** `name` or `name/` of a direct child, undefined for anything else. */
function childOf(folder: string, path: string): string | undefined {
  if (!path.startsWith(folder)) return undefined;
  const rest = path.slice(folder.length);
  if (!/^[^/]+\/?$/.test(rest)) return undefined;
  try {
    const name = decodeURIComponent(rest);
    return /^[^/]+\/?$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

function parentOf(folder: string): string {
  return folder.replace(/[^/]+\/$/, '');
}
