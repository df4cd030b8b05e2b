import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Answers, Site } from '../answers.ts';
import { SiteError } from '../database/site-error.ts';
import { type Choices, linkTo, type Route } from '../route.ts';
import type { Texts } from '../texts.ts';

/** What every part of a page may need. */
export interface PageContext {
  readonly route: Route;
  readonly texts: Texts;
  readonly answers: Answers;
  readonly site: Site;
  /** Of something long that the worker does. */
  readonly progress: { readonly done: number; readonly total: number } | undefined;
}

export const Page = createContext<PageContext | undefined>(undefined);

export function usePage(): PageContext {
  const page = useContext(Page);
  if (page === undefined) throw new Error('a part stands outside of a page');
  return page;
}

/** The link to another state of the same page: some choices replaced, `''` for none. */
export function linkWith(route: Route, choices: Choices): string {
  const { language, view, subject } = route;
  return linkTo({ language, view, subject, choices: { ...route.choices, ...choices } });
}

/** Goes to a state without a new entry in the browser's history: text that is being typed. */
export function replaceLink(link: string): void {
  location.replace(link);
}

export type Asked<Answer> =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'error'; readonly error: SiteError; readonly retry: () => void };

/** Asks for what a page shows, and asks again when `key` changes. */
export function useAnswer<Answer>(key: string, ask: () => Promise<Answer>): Asked<Answer> {
  const [state, setState] = useState<{ key: string; asked: Asked<Answer> }>();
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    const settle = (asked: Asked<Answer>) => {
      if (isCurrent) setState({ key, asked });
    };
    ask().then(
      (answer) => settle({ kind: 'answer', answer }),
      (thrown) => {
        const retry = () => setAttempt((count) => count + 1);
        settle({ kind: 'error', error: asSiteError(thrown), retry });
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [key, attempt]);
  return state?.key === key ? state.asked : { kind: 'waiting' };
}

export function asSiteError(thrown: unknown): SiteError {
  return thrown instanceof SiteError ? thrown : new SiteError('bug', String(thrown));
}
