import { posix } from 'node:path';
import { fillIn } from './expression.ts';
import { PLACEHOLDERS, type Placeholder } from './source.ts';

/** What the placeholders of a template stand for. */
export type Bindings = Readonly<Partial<Record<Placeholder, string>>>;

/** What a name may look like in the place of a placeholder. */
const PATTERNS: Readonly<Record<Placeholder, string>> = {
  release: '[^/]+?',
  arch: '[a-z][0-9a-z_]*',
  variant: '[^/]+',
  repoid: '[^/]+',
};

/** The placeholders of a template, each once, in their order. */
export function placeholdersOf(template: string): readonly Placeholder[] {
  const names = [...template.matchAll(/<([a-z]+)>/g)].map(([, name]) => name);
  return [...new Set(names)].filter((name): name is Placeholder =>
    (PLACEHOLDERS as readonly (string | undefined)[]).includes(name),
  );
}

/** Reads the names of one level of the tree: what the placeholders of a segment stand for in a name that fits. */
export function segmentReader(segment: string): (name: string) => Bindings | undefined {
  const seen = new Set<string>();
  const pattern = segment
    .split(/(<[a-z]+>)/)
    .map((part) => {
      const name = /^<([a-z]+)>$/.exec(part)?.[1] as Placeholder | undefined;
      if (name === undefined) return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
      if (seen.has(name)) return `\\k<${name}>`;
      seen.add(name);
      return `(?<${name}>${PATTERNS[name]})`;
    })
    .join('');
  const expression = new RegExp(`^${pattern}$`, 'u');
  return (name) => {
    const match = name.length <= 255 ? expression.exec(name) : null;
    return match ? { ...match.groups } : undefined;
  };
}

/** Whether a folder fits a template: what its placeholders stand for. */
export function readFolder(template: string, folder: string): Bindings | undefined {
  const segments = template.split('/');
  const names = folder.split('/');
  if (segments.length !== names.length) return undefined;
  let bindings: Bindings = {};
  for (const [index, segment] of segments.entries()) {
    const found = segmentReader(fillIn(segment, bindings))(names[index] ?? '');
    if (!found) return undefined;
    bindings = { ...bindings, ...found };
  }
  return bindings;
}

/**
 * The path of a key file below the root of a mirror: relative to the repository's folder, or with a slash in front
 * to the root. Undefined for one that leads out of the tree.
 */
export function keyPathBelow(folder: string, path: string, bindings: Bindings): string | undefined {
  const filled = fillIn(path, bindings);
  const joined = filled.startsWith('/') ? filled.slice(1) : posix.join(folder, filled);
  const normal = posix.normalize(joined);
  return normal.startsWith('..') || normal.startsWith('/') ? undefined : normal;
}
