export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'theme';

/** What the reader chose; `auto` follows the system. */
export function readTheme(): Theme {
  const stored = readStored();
  return THEMES.find((one) => one === stored) ?? 'auto';
}

/** Shows a theme, and keeps it for the next visit. */
export function writeTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // A browser without storage forgets it.
  }
}

function readStored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
