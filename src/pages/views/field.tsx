import type { Part } from '../../explorer/parts.ts';
import type { FieldVersion } from '../../explorer/queries.ts';
import type { Kernel } from '../answers.ts';
import { linkWith, useAnswer, usePage } from '../parts/context.ts';
import { DefinitionText } from '../parts/definition-text.tsx';
import { linesOf } from '../parts/lines.ts';
import { Await, Columns, Lead, Ranges, Scrollable } from '../parts/pieces.tsx';
import { type Cell, Strip } from '../parts/strip.tsx';
import { toneOf, versionsIn } from '../parts/variants.ts';
import { linkTo } from '../route.ts';
import type { Texts } from '../texts.ts';

const EXAMPLES = [
  'task_struct.state',
  'sock.sk_wmem_queued',
  'sk_buff.len',
  'tcp_connect.sk',
  'bpf_map_type.BPF_MAP_TYPE_RINGBUF',
];

/** Where a field is in every kernel, and what it is called where it is not there. */
export function FieldView() {
  const { route, answers } = usePage();
  const dot = route.subject.indexOf('.');
  const [name, path] =
    dot < 0 ? [route.subject, ''] : [route.subject.slice(0, dot), route.subject.slice(dot + 1)];
  const asked = useAnswer(route.subject, async () =>
    path === '' ? [] : answers.field(name, path),
  );
  if (path === '') return <Lead view="field" examples={EXAMPLES} />;
  return (
    <Await asked={asked}>
      {(versions) => <History name={name} path={path} versions={versions} />}
    </Await>
  );
}

/** Versions of the type with the same answer about the field. */
interface Answer {
  readonly key: string;
  readonly part: Part | undefined;
  readonly renamed: readonly Part[];
  readonly versions: readonly FieldVersion[];
}

function History(props: {
  readonly name: string;
  readonly path: string;
  readonly versions: readonly FieldVersion[];
}) {
  const { route, texts, site } = usePage();
  const words = texts.field;
  const { name, path, versions } = props;
  const { language } = route;
  const lines = linesOf(site.kernels);
  const typeLink = linkTo({ language, view: 'type', subject: name, choices: {} });
  const title = (
    <h1 class="name">
      <a href={typeLink}>{name}</a>.{path}
    </h1>
  );
  if (versions.length === 0) {
    return (
      <>
        {title}
        <p>{words.noType(name)}</p>
      </>
    );
  }
  const answers = answersOf(versions);
  const withBtf = site.kernels.filter(({ position }) => position !== undefined);
  const present = answers.filter(({ part }) => part !== undefined);
  const having = withBtf.filter((kernel) =>
    present.some((one) => versionsIn(one.versions, kernel).length > 0),
  );
  const wanted = answers.findIndex(({ key }) => key === route.choices.answer);
  const indexOf = (kernel: Kernel) =>
    answers.findIndex((one) => versionsIn(one.versions, kernel).length > 0);
  const cellOf = (kernel: Kernel): Cell => {
    const index = indexOf(kernel);
    const answer = answers[index];
    const place = answer?.part && placeOf(answer.part, texts);
    const text =
      kernel.position === undefined
        ? texts.type.noBtf
        : answer === undefined
          ? words.typeAbsent
          : (place ?? absentText(answer, texts));
    return {
      tone:
        kernel.position === undefined
          ? 'none'
          : answer?.part === undefined
            ? 'absent'
            : toneOf(index),
      group: kernel.position === undefined ? 'none' : (answer?.key ?? 'without type'),
      mark: answer?.part === undefined ? '' : markOf(answer.part),
      label: `${kernel.uname}: ${text}`,
      href: linkWith(route, { answer: answer?.key ?? '' }),
      isSelected: wanted >= 0 && index === wanted,
    };
  };
  const shown = answers[wanted];
  return (
    <>
      {title}
      <p class="answer">{summaryOf(having.length, withBtf.length, present, path, texts)}</p>
      <p class="hint">{texts.newestFirst}</p>
      <Strip lines={lines} cellOf={cellOf} label={words.table} />
      <Scrollable kind="scroll" label={words.table}>
        <table class="list answers">
          <thead>
            <Columns names={[words.answer, words.cType, texts.kernels]} />
          </thead>
          <tbody>
            {answers.map((one, index) => (
              <tr key={one.key} class={index === wanted ? 'chosen' : undefined}>
                <th scope="row">
                  <a
                    href={linkWith(route, { answer: index === wanted ? '' : one.key })}
                    aria-current={index === wanted ? 'true' : undefined}
                  >
                    <span
                      class={`swatch ${one.part === undefined ? 'absent' : toneOf(index)}`}
                      aria-hidden="true"
                    />
                    {one.part === undefined ? words.absent : placeOf(one.part, texts)}
                  </a>
                  <Renamed name={name} answer={one} />
                </th>
                <td class="c">{one.part && 'type' in one.part && <code>{one.part.type}</code>}</td>
                <td>
                  <Ranges
                    lines={lines}
                    holds={(kernel) => versionsIn(one.versions, kernel).length > 0}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scrollable>
      {shown?.versions[0] && (
        <DefinitionText definition={shown.versions[0].definition} base={undefined} marked={path} />
      )}
      <p>
        <a href={typeLink}>{words.showType}</a>
      </p>
    </>
  );
}

function Renamed({ name, answer }: { readonly name: string; readonly answer: Answer }) {
  const { route, texts } = usePage();
  const { language } = route;
  if (answer.renamed.length === 0) return null;
  return (
    <span class="renamed">
      {' '}
      {texts.field.perhaps}{' '}
      {answer.renamed.map((part, index) => (
        <span key={part.path}>
          {index > 0 && ', '}
          <a
            href={linkTo({ language, view: 'field', subject: `${name}.${part.path}`, choices: {} })}
          >
            {part.path}
          </a>
        </span>
      ))}
    </span>
  );
}

function answersOf(versions: readonly FieldVersion[]): readonly Answer[] {
  const answers = new Map<string, { -readonly [Key in keyof Answer]: Answer[Key] }>();
  for (const version of versions) {
    const { part, renamed } = version;
    const key = part === undefined ? `no ${renamed.map((one) => one.path).join(' ')}` : keyOf(part);
    const answer = answers.get(key) ?? { key, part, renamed, versions: [] };
    answer.versions = [...answer.versions, version];
    answers.set(key, answer);
  }
  return [...answers.values()];
}

function keyOf(part: Part): string {
  switch (part.kind) {
    case 'member':
      return `${part.bitOffset} ${part.bits} ${part.size} ${part.type}`;
    case 'parameter':
      return `${part.index} ${part.type}`;
    case 'enumerator':
      return `${part.value}`;
  }
}

/** `offset 136, 8 bytes`. */
function placeOf(part: Part, texts: Texts): string {
  const words = texts.field;
  switch (part.kind) {
    case 'member': {
      const size = part.bits > 0 ? words.bits(part.bits) : words.bytes(part.size);
      return `${words.offset} ${markOf(part)}, ${size}`;
    }
    case 'parameter':
      return words.parameter(part.index);
    case 'enumerator':
      return `${words.value} ${part.value}`;
  }
}

/** What stands in a bar: the offset in bytes, for a bit-field with the bit. */
function markOf(part: Part): string {
  switch (part.kind) {
    case 'member': {
      const byte = Math.floor(part.bitOffset / 8);
      return part.bits > 0 ? `${byte}:${part.bitOffset % 8}` : `${byte}`;
    }
    case 'parameter':
      return `#${part.index + 1}`;
    case 'enumerator':
      return `${part.value}`;
  }
}

function absentText({ renamed }: Answer, texts: Texts): string {
  const { absent, perhaps } = texts.field;
  if (renamed.length === 0) return absent;
  return `${absent}; ${perhaps} ${renamed.map(({ path }) => path).join(', ')}`;
}

function summaryOf(
  having: number,
  all: number,
  present: readonly Answer[],
  path: string,
  texts: Texts,
): string {
  const words = texts.field;
  if (having === 0) return words.noField(path);
  const count = having === all ? words.everywhere(all) : words.some(having, all);
  return `${count}${words.comma}${present.length === 1 ? words.samePlace : words.places(present.length)}`;
}
