import { useMemo } from 'preact/hooks';
import type { Definition } from '../../explorer/definition.ts';
import { alignLines } from '../../explorer/difference.ts';
import { type DefinitionLine, renderLines } from '../../explorer/render.ts';
import { linkTo, type Route } from '../route.ts';
import { usePage } from './context.ts';
import { Scrollable } from './pieces.tsx';

/** 16 MB: the page waits while it compares. */
const MOST_CELLS = 4_000_000;

/** The C text of a definition with its offsets; against `base`, with what was added and removed. */
export function DefinitionText(props: {
  readonly definition: Definition;
  readonly base: Definition | undefined;
  /** What is marked for the reader: the path of a field. */
  readonly marked?: string;
}) {
  const { route, texts } = usePage();
  const { definition, base, marked } = props;
  const lines = useMemo(() => {
    const own = renderLines(definition);
    const old = base === undefined ? own : renderLines(base);
    return alignLines(old, own, textOf, MOST_CELLS).map((one) => ({
      kind: one.kind,
      value: one.kind === 'removed' ? one.before : one.after,
    }));
  }, [definition, base]);
  const isSame = base !== undefined && lines.every(({ kind }) => kind === 'same');
  return (
    <>
      {isSame && <p class="hint">{texts.type.same}</p>}
      <Scrollable kind="code" label={definition.name}>
        <table class="definition">
          <tbody>
            {lines.map(({ kind, value }, index) => (
              <tr
                key={index}
                class={kind}
                data-marked={marked !== undefined && value.path === marked ? 'true' : undefined}
              >
                <td class="sign">
                  {kind === 'added' && <Sign text="+" name={texts.type.added} />}
                  {kind === 'removed' && <Sign text="−" name={texts.type.removed} />}
                </td>
                <td class="layout">{value.path !== undefined && <code>{value.note}</code>}</td>
                <td class="c">
                  <code>
                    {'    '.repeat(value.depth)}
                    <Code line={value} definition={definition} route={route} />
                    {value.path === undefined && value.note !== '' && (
                      <span class="said">{`/* ${value.note} */`}</span>
                    )}
                  </code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrollable>
    </>
  );
}

function Sign({ text, name }: { readonly text: string; readonly name: string }) {
  return (
    <>
      <span aria-hidden="true">{text}</span>
      <span class="hidden">{name}</span>
    </>
  );
}

function textOf({ depth, code, note }: DefinitionLine): string {
  return `${depth} ${code} ${note}`;
}

/** `struct sock *sk;`: the type leads to its page, the member to its history. */
function Code(props: {
  readonly line: DefinitionLine;
  readonly definition: Definition;
  readonly route: Route;
}) {
  const { line, definition, route } = props;
  const { language } = route;
  const parts: preact.ComponentChildren[] = [];
  let rest = line.code;
  const reference = /^(?:(?:const|volatile|typedef) )*(struct|union|enum) ([A-Za-z_]\w*)/.exec(
    rest,
  );
  const name = reference?.[2];
  if (reference && name && name !== definition.name) {
    const start = reference[0].length - name.length;
    const kind = reference[1] as string;
    parts.push(
      rest.slice(0, start),
      <a href={linkTo({ language, view: 'type', subject: name, choices: { kind } })}>{name}</a>,
    );
    rest = rest.slice(reference[0].length);
  }
  const { path } = line;
  const last = path?.split('.').at(-1);
  const at = last === undefined ? -1 : findWord(rest, last);
  if (path !== undefined && last !== undefined && at >= 0 && !path.includes(' ')) {
    const subject = `${definition.name}.${path}`;
    parts.push(
      rest.slice(0, at),
      <a class="member" href={linkTo({ language, view: 'field', subject, choices: {} })}>
        {last}
      </a>,
    );
    rest = rest.slice(at + last.length);
  }
  return (
    <>
      {parts}
      {rest}
    </>
  );
}

/** The last place where a name stands as a word. */
function findWord(text: string, word: string): number {
  const isPart = (character: string | undefined) => /\w/.test(character ?? '');
  for (
    let at = text.lastIndexOf(word);
    at >= 0;
    at = at === 0 ? -1 : text.lastIndexOf(word, at - 1)
  ) {
    if (!isPart(text[at - 1]) && !isPart(text[at + word.length])) return at;
  }
  return -1;
}
