import picomatch from 'picomatch';

/**
 * Whether a name is selected by any of the globs (`*`, `?`, `[...]`); `all` is `*`, and no glob at
 * all selects everything. A glob equal to the name always selects it.
 */
export function selector(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0 || globs.includes('all')) return () => true;
  const literal = new Set(globs);
  const options = { dot: true, noextglob: true, nobrace: true, nonegate: true, nocase: false };
  const matchers = globs.filter(isGlob).map((glob) => picomatch(glob, options));
  return (name) => literal.has(name) || matchers.some((matches) => matches(name));
}

/** Whether it stands for more than itself. */
export function isGlob(word: string): boolean {
  return word === 'all' || /[*?[]/.test(word);
}
