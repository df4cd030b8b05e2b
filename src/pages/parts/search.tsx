import { useEffect, useId, useRef, useState } from 'preact/hooks';
import type { Answers, Site } from '../answers.ts';
import { type Language, linkTo, type View } from '../route.ts';
import type { Texts } from '../texts.ts';

interface Suggestion {
  readonly text: string;
  /** What it is: `struct`, `field`, an architecture. */
  readonly note: string;
  readonly link: string;
}

const MOST = 12;

/** Where a text without a suggestion leads. */
function linkOf(language: Language, text: string): string {
  const link = (view: View, subject: string, choices = {}) =>
    linkTo({ language, view, subject, choices });
  if (/^\d+\.\d+/.test(text)) return link('coverage', '', { q: text });
  return text.includes('.') ? link('field', text) : link('type', text);
}

async function suggest(
  answers: Answers,
  site: Site,
  language: Language,
  texts: Texts,
  text: string,
): Promise<readonly Suggestion[]> {
  if (/^\d/.test(text)) {
    return site.kernels
      .filter(({ uname }) => uname.startsWith(text))
      .slice(0, MOST)
      .map(({ uname, arch }) => ({
        text: uname,
        note: arch,
        link: linkTo({ language, view: 'coverage', subject: '', choices: { kernel: uname } }),
      }));
  }
  const dot = text.indexOf('.');
  if (dot > 0) {
    const [name, path] = [text.slice(0, dot), text.slice(dot + 1)];
    const paths = await answers.completePath(name, path, MOST);
    return paths.map((one) => ({
      text: `${name}.${one}`,
      note: texts.views.field,
      link: linkTo({ language, view: 'field', subject: `${name}.${one}`, choices: {} }),
    }));
  }
  const names = await answers.complete(text, MOST);
  return names.map(({ name, kind }) => ({
    text: name,
    note: texts.kinds[kind],
    link: linkTo({ language, view: 'type', subject: name, choices: { kind } }),
  }));
}

/**
 * One field for everything that can be looked for, with completion (the combobox pattern of WAI-ARIA). The key `/`
 * leads to it.
 */
export function Search(props: {
  readonly answers: Answers;
  readonly site: Site | undefined;
  readonly language: Language;
  readonly texts: Texts;
}) {
  const { answers, site, language, texts } = props;
  const [text, setText] = useState('');
  const [suggestions, setSuggestions] = useState<readonly Suggestion[]>([]);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const id = useId();

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isTyping = (event.target as Element).matches('input, select, textarea');
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      input.current?.focus();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);

  useEffect(() => {
    if (site === undefined || text.trim() === '') {
      setSuggestions([]);
      return;
    }
    let isCurrent = true;
    // Without an answer there is nothing to choose from; the text itself still leads somewhere.
    const settle = (found: readonly Suggestion[]) => {
      if (!isCurrent) return;
      setSuggestions(found);
      setActive(-1);
    };
    suggest(answers, site, language, texts, text.trim()).then(settle, () => settle([]));
    return () => {
      isCurrent = false;
    };
  }, [text, site, language]);

  const go = (link: string) => {
    setOpen(false);
    setText('');
    input.current?.blur();
    location.hash = link;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { length } = suggestions;
    if (event.key === 'ArrowDown' && length > 0) setActive((active + 1) % length);
    else if (event.key === 'ArrowUp' && length > 0)
      setActive(((active + length) % (length + 1)) - 1);
    else if (event.key === 'Escape') setOpen(false);
    else return;
    event.preventDefault();
  };
  const onSubmit = (event: Event) => {
    event.preventDefault();
    const wanted = text.trim();
    if (wanted === '') return;
    const chosen = suggestions[active] ?? suggestions.find((one) => one.text === wanted);
    go(chosen?.link ?? linkOf(language, wanted));
  };
  const isShown = isOpen && suggestions.length > 0;
  return (
    <search>
      <form class="search" onSubmit={onSubmit}>
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-label={texts.searchLabel}
          aria-expanded={isShown}
          aria-controls={`${id}-list`}
          aria-autocomplete="list"
          aria-activedescendant={active < 0 ? undefined : `${id}-${active}`}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder={texts.search}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setOpen(true);
          }}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
        <span class="key" aria-hidden="true">
          /
        </span>
        <div
          id={`${id}-list`}
          role="listbox"
          aria-label={texts.suggestions}
          class="suggestions"
          hidden={!isShown}
        >
          {suggestions.map((one, index) => (
            <div
              key={one.link}
              id={`${id}-${index}`}
              role="option"
              tabIndex={-1}
              aria-selected={index === active}
              onMouseDown={(event) => {
                event.preventDefault();
                go(one.link);
              }}
            >
              <span class="name">{one.text}</span>
              <span class="note">{one.note}</span>
            </div>
          ))}
        </div>
      </form>
    </search>
  );
}
