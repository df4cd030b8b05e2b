import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { Kernel } from '../answers.ts';
import type { SiteError } from '../database/site-error.ts';
import { linkTo } from '../route.ts';
import type { Texts } from '../texts.ts';
import type { Asked } from './context.ts';
import { usePage } from './context.ts';
import { type LineRanges, rangesOf } from './lines.ts';
import type { KernelLine } from './strip.tsx';

/** What went wrong, and what to do. */
export function Problem(props: {
  readonly error: SiteError;
  readonly texts: Texts;
  readonly retry?: () => void;
}) {
  const { error, texts, retry } = props;
  return (
    <div class="problem" role="alert">
      <p>{texts.errors[error.kind]}</p>
      <p class="detail">{error.detail}</p>
      {retry && (
        <button type="button" onClick={retry}>
          {texts.retry}
        </button>
      )}
    </div>
  );
}

/** The answer, or that it is awaited, or why there is none. */
export function Await<Answer>(props: {
  readonly asked: Asked<Answer>;
  readonly children: (answer: Answer) => ComponentChildren;
}) {
  const { texts } = usePage();
  const { asked } = props;
  if (asked.kind === 'waiting') return <p class="waiting">{texts.loading}</p>;
  if (asked.kind === 'error') {
    return <Problem error={asked.error} texts={texts} retry={asked.retry} />;
  }
  return <>{props.children(asked.answer)}</>;
}

/** The page of a view that was asked for nothing yet: what to search for, and examples. */
export function Lead(props: {
  readonly view: 'type' | 'field';
  readonly examples: readonly string[];
}) {
  const { route, texts } = usePage();
  const { view, examples } = props;
  const { language } = route;
  return (
    <>
      <h1>{texts[view].heading}</h1>
      <p class="lead">{texts[view].lead}</p>
      <p>
        {texts.type.examples}:{' '}
        {examples.map((subject) => (
          <a key={subject} class="example" href={linkTo({ language, view, subject, choices: {} })}>
            {subject}
          </a>
        ))}
      </p>
    </>
  );
}

/** The names of a table's columns. */
export function Columns({ names }: { readonly names: readonly string[] }) {
  return (
    <tr>
      {names.map((name) => (
        <th scope="col" key={name}>
          {name}
        </th>
      ))}
    </tr>
  );
}

/** A command or URL, and a button that copies it. */
export function Copyable({ text }: { readonly text: string }) {
  const { texts } = usePage();
  const [isCopied, setCopied] = useState(false);
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <div class="copyable">
      <code>{text}</code>
      <button type="button" onClick={copy} aria-label={`${texts.coverage.copy}: ${text}`}>
        {isCopied ? texts.coverage.copied : texts.coverage.copy}
      </button>
      <span class="hidden" role="status">
        {isCopied ? texts.coverage.copied : ''}
      </span>
    </div>
  );
}

/** `22.03-LTS x86_64: 5.10.0-60.1 to 5.10.0-60.9`, a line for each release and architecture. */
export function Ranges(props: {
  readonly lines: readonly KernelLine[];
  readonly holds: (kernel: Kernel) => boolean;
}) {
  const { texts } = usePage();
  return (
    <ul class="ranges">
      {rangesOf(props.lines, props.holds).map((one) => (
        <li key={`${one.release} ${one.arch}`}>
          <span class="line-name">
            {one.release} {one.arch}
          </span>{' '}
          <span class="uname">{rangeText(one, texts)}</span>
        </li>
      ))}
    </ul>
  );
}

function rangeText({ isWhole, count, ranges }: LineRanges, texts: Texts): string {
  if (isWhole && count > 1) return texts.allKernels(count);
  return ranges
    .map(([oldest, newest]) =>
      oldest === newest ? oldest.uname : `${oldest.uname} ${texts.to} ${newest.uname}`,
    )
    .join(', ');
}

/** What is wider than a telephone: it scrolls by itself, by keyboard as well. */
export function Scrollable(props: {
  readonly label: string;
  readonly kind: 'scroll' | 'code';
  readonly children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it the arrow keys cannot scroll it
    <section class={props.kind} tabIndex={0} aria-label={props.label}>
      {props.children}
    </section>
  );
}
