import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Site } from './answers.ts';
import { askWorker } from './ask.ts';
import type { SiteError } from './database/site-error.ts';
import { asSiteError, Page } from './parts/context.ts';
import { Problem } from './parts/pieces.tsx';
import { Search } from './parts/search.tsx';
import { readTheme, THEMES, writeTheme } from './parts/theme.ts';
import { LANGUAGES, linkTo, type Route, readRoute, VIEWS, type View } from './route.ts';
import { TEXTS, type Texts } from './texts.ts';
import { CompareView } from './views/compare.tsx';
import { CoverageView } from './views/coverage.tsx';
import { FieldView } from './views/field.tsx';
import { ProgramView } from './views/program.tsx';
import { TypeView } from './views/type.tsx';

interface Progress {
  readonly done: number;
  readonly total: number;
}

let showProgress: (progress: Progress) => void = () => {};
const answers = askWorker(new URL('worker.js', document.baseURI), (done, total) =>
  showProgress({ done, total }),
);

const CONTENT: Readonly<Record<View, () => preact.JSX.Element>> = {
  coverage: CoverageView,
  type: TypeView,
  field: FieldView,
  compare: CompareView,
  program: ProgramView,
};

const currentRoute = () => readRoute(location.hash, navigator.languages);

function useRoute(): Route {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const onChange = () => setRoute(currentRoute());
    window.addEventListener('hashchange', onChange);
    return () => window.removeEventListener('hashchange', onChange);
  }, []);
  return route;
}

type Opening =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'open'; readonly site: Site }
  | { readonly kind: 'error'; readonly error: SiteError };

function App() {
  const route = useRoute();
  const texts = TEXTS[route.language];
  const [opening, setOpening] = useState<Opening>({ kind: 'waiting' });
  const [progress, setProgress] = useState<Progress>();
  const open = () => {
    setOpening({ kind: 'waiting' });
    answers.open().then(
      (site) => setOpening({ kind: 'open', site }),
      (thrown) => setOpening({ kind: 'error', error: asSiteError(thrown) }),
    );
  };
  useEffect(() => {
    showProgress = setProgress;
    open();
  }, []);
  useEffect(() => {
    document.documentElement.lang = route.language === 'zh' ? 'zh-CN' : 'en';
    const subject = route.subject === '' ? texts.views[route.view] : route.subject;
    document.title = `${subject} – ${texts.title}`;
  }, [route]);
  const site = opening.kind === 'open' ? opening.site : undefined;
  const Content = CONTENT[route.view];
  return (
    <>
      {/* No link: the fragment of the URL is the page's state. */}
      <button type="button" class="skip" onClick={() => document.querySelector('main')?.focus()}>
        {texts.skip}
      </button>
      <header>
        <Bar route={route} texts={texts} />
        <Search answers={answers} site={site} language={route.language} texts={texts} />
      </header>
      <main tabIndex={-1}>
        {opening.kind === 'waiting' && <p class="waiting">{waitingText(texts, progress)}</p>}
        {opening.kind === 'error' && <Problem error={opening.error} texts={texts} retry={open} />}
        {site && (
          <Page.Provider value={{ route, texts, answers, site, progress }}>
            <Content />
          </Page.Provider>
        )}
      </main>
      <footer>
        {site && (
          <span>{texts.data(site.kernels.length, site.file.generatedAt?.slice(0, 10) ?? '')}</span>
        )}
        <span>{texts.footer}</span>
      </footer>
    </>
  );
}

function waitingText(texts: Texts, progress: Progress | undefined): string {
  if (progress === undefined) return texts.loading;
  return texts.loadingBytes(megabytes(progress.done), megabytes(progress.total));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function Bar({ route, texts }: { readonly route: Route; readonly texts: Texts }) {
  const [theme, setTheme] = useState(readTheme);
  const { language, view, subject, choices } = route;
  const other = LANGUAGES.find((one) => one !== language) ?? language;
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
  return (
    <div class="bar-top">
      <a class="brand" href={linkTo({ language, view: 'coverage', subject: '', choices: {} })}>
        <img src="icon.svg" alt="" width="24" height="24" />
        {texts.title}
      </a>
      <nav aria-label={texts.navigation}>
        {VIEWS.map((one) => (
          <a
            key={one}
            href={linkTo({ language, view: one, subject: '', choices: {} })}
            aria-current={one === view ? 'page' : undefined}
          >
            {texts.views[one]}
          </a>
        ))}
      </nav>
      <div class="settings">
        <a
          lang={other === 'zh' ? 'zh-CN' : 'en'}
          href={linkTo({ language: other, view, subject, choices })}
        >
          {texts.otherLanguage}
        </a>
        <button
          type="button"
          class="theme"
          title={texts.theme[theme]}
          aria-label={texts.theme[theme]}
          onClick={() => {
            writeTheme(next);
            setTheme(next);
          }}
        >
          <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
            <circle cx="9" cy="9" r="6.5" class={`face ${theme}`} />
            <path d="M9 2.5a6.5 6.5 0 0 1 0 13z" class={`half ${theme}`} />
          </svg>
        </button>
      </div>
    </div>
  );
}

writeTheme(readTheme());
render(<App />, document.getElementById('app') as HTMLElement);
