/** The state of a page, which is a link: `#/en/type/sock?kind=struct&version=3`. */
export interface Route {
  readonly language: Language;
  readonly view: View;
  /** What the page is about: the name of a type, the path of a field. */
  readonly subject: string;
  /** Everything else that was chosen on the page; a value that is not chosen is absent. */
  readonly choices: Choices;
}

export type Choices = Readonly<Record<string, string>>;

export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

export const VIEWS = ['coverage', 'type', 'field', 'compare', 'program'] as const;
export type View = (typeof VIEWS)[number];

/**
 * Reads the fragment of a URL. What it does not say, or what no page knows, is the coverage in the
 * reader's language.
 *
 * @param preferred the reader's languages, as `navigator.languages` has them
 */
export function readRoute(hash: string, preferred: readonly string[]): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const [, first = '', second = '', ...rest] = path.split('/');
  const language = LANGUAGES.find((one) => one === first) ?? preferredLanguage(preferred);
  const view = VIEWS.find((one) => one === second);
  if (view === undefined) return { language, view: 'coverage', subject: '', choices: {} };
  const choices = Object.fromEntries(new URLSearchParams(query));
  return { language, view, subject: decode(rest.join('/')), choices };
}

export function preferredLanguage(preferred: readonly string[]): Language {
  const known = preferred.map((one) => LANGUAGES.find((own) => one.toLowerCase().startsWith(own)));
  return known.find((one) => one !== undefined) ?? 'en';
}

/** The link to a state. */
export function linkTo({ language, view, subject, choices }: Route): string {
  const chosen = Object.entries(choices).filter(([, value]) => value !== '');
  const query = new URLSearchParams(chosen).toString();
  const path = [language, view, ...(subject === '' ? [] : [encodeURIComponent(subject)])];
  return `#/${path.join('/')}${query === '' ? '' : `?${query}`}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
