import { useState } from 'preact/hooks';
import { DEFINITION_KINDS } from '../../explorer/definition.ts';
import type { NameChange } from '../../explorer/queries.ts';
import type { Kernel } from '../answers.ts';
import { linkWith, replaceLink, useAnswer, usePage } from '../parts/context.ts';
import { DefinitionText } from '../parts/definition-text.tsx';
import { linesOf } from '../parts/lines.ts';
import { Await } from '../parts/pieces.tsx';
import { linkTo } from '../route.ts';

/** What was added, removed and changed from one kernel to another. */
export function CompareView() {
  const { route, texts, site, answers } = usePage();
  const words = texts.compare;
  const withBtf = site.kernels.filter(({ position }) => position !== undefined);
  const find = (uname: string | undefined) => withBtf.find((one) => one.uname === uname);
  const [first, second] = [find(route.choices.a), find(route.choices.b)];
  const asked = useAnswer(`${first?.id} ${second?.id}`, async () =>
    first && second ? answers.diff(first.id, second.id) : [],
  );
  const { a = '', b = '' } = route.choices;
  const unknown = [a, b].filter((uname) => uname !== '' && find(uname) === undefined);
  return (
    <>
      <h1>{words.heading}</h1>
      <div class="filters">
        <KernelChoice name="a" label={words.first} kernels={withBtf} />
        <KernelChoice name="b" label={words.second} kernels={withBtf} />
        <a class="button" href={linkWith(route, { a: b, b: a, open: '' })}>
          {words.swap}
        </a>
      </div>
      {unknown.map((uname) => (
        <p key={uname} role="alert">
          <span class="uname">{uname}</span>: {words.noBtf}
        </p>
      ))}
      {first && second ? (
        <Await asked={asked}>{(changes) => <Changes all={changes} />}</Await>
      ) : (
        <p class="lead">{words.both}</p>
      )}
    </>
  );
}

function KernelChoice(props: {
  readonly name: 'a' | 'b';
  readonly label: string;
  readonly kernels: readonly Kernel[];
}) {
  const { route, texts } = usePage();
  const { name, label, kernels } = props;
  return (
    <label class="wide">
      {label}
      <select
        value={route.choices[name] ?? ''}
        onChange={(event) => {
          location.hash = linkWith(route, { [name]: event.currentTarget.value, open: '' });
        }}
      >
        <option value="">{texts.compare.choose}</option>
        {linesOf(kernels).map((line) => (
          <optgroup key={`${line.release} ${line.arch}`} label={`${line.release} ${line.arch}`}>
            {line.kernels.map(({ id, uname }) => (
              <option key={id} value={uname}>
                {uname}
              </option>
            ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}

const CHANGES = ['added', 'removed', 'changed'] as const;
const STEP = 200;

function Changes({ all }: { readonly all: readonly NameChange[] }) {
  const { route, texts } = usePage();
  const words = texts.compare;
  const { kind = '', name = '' } = route.choices;
  const shown = all.filter(
    (one) =>
      (kind === '' || one.kind === kind) && one.name.toLowerCase().includes(name.toLowerCase()),
  );
  const count = (change: NameChange['change']) =>
    shown.filter((one) => one.change === change).length;
  return (
    <>
      <div class="filters">
        <label>
          {words.kind}
          <select
            value={kind}
            onChange={(event) => replaceLink(linkWith(route, { kind: event.currentTarget.value }))}
          >
            <option value="">{words.every}</option>
            {DEFINITION_KINDS.map((one) => (
              <option key={one} value={one}>
                {texts.kinds[one]}
              </option>
            ))}
          </select>
        </label>
        <label class="wide">
          {words.name}
          <input
            type="search"
            value={name}
            spellcheck={false}
            onInput={(event) => replaceLink(linkWith(route, { name: event.currentTarget.value }))}
          />
        </label>
      </div>
      <p class="answer" role="status">
        {all.length === 0
          ? words.nothing
          : shown.length === 0
            ? words.nothingMatches
            : words.summary(count('added'), count('removed'), count('changed'))}
      </p>
      {CHANGES.map((change) => (
        <ChangeList
          key={change}
          change={change}
          list={shown.filter((one) => one.change === change)}
        />
      ))}
    </>
  );
}

function ChangeList(props: {
  readonly change: NameChange['change'];
  readonly list: readonly NameChange[];
}) {
  const { route, texts } = usePage();
  const [limit, setLimit] = useState(STEP);
  const { change, list } = props;
  if (list.length === 0) return null;
  return (
    <section>
      <h2 class={`change ${change}`}>
        {texts.compare[change]} <span class="count">{list.length}</span>
      </h2>
      <ul class="changes">
        {list.slice(0, limit).map((one) => {
          const key = `${one.kind} ${one.name}`;
          const isOpen = route.choices.open === key;
          return (
            <li key={key}>
              <button
                type="button"
                class="link"
                aria-expanded={isOpen}
                onClick={() => replaceLink(linkWith(route, { open: isOpen ? '' : key }))}
              >
                <span class="kind">{texts.kinds[one.kind]}</span> {one.name}
              </button>
              {isOpen && <Difference change={one} />}
            </li>
          );
        })}
      </ul>
      {list.length > limit && (
        <button type="button" onClick={() => setLimit(limit + 5 * STEP)}>
          {texts.compare.more(Math.min(list.length - limit, 5 * STEP))}
        </button>
      )}
    </section>
  );
}

function Difference({ change }: { readonly change: NameChange }) {
  const { route, texts, answers } = usePage();
  const { kind, name, before, after } = change;
  const ids = [...before, ...after];
  const asked = useAnswer(ids.join(' '), async () => ({
    before: await answers.definitions(kind, name, before),
    after: await answers.definitions(kind, name, after),
  }));
  const { language } = route;
  return (
    <div class="difference">
      <Await asked={asked}>
        {(both) =>
          // A name with several definitions: each stands against the one in its place.
          Array.from({ length: Math.max(both.before.length, both.after.length) }, (_, index) => {
            const [old, own] = [both.before[index], both.after[index]];
            const shown = own ?? old;
            return shown && <DefinitionText key={index} definition={shown} base={own && old} />;
          })
        }
      </Await>
      <p>
        <a href={linkTo({ language, view: 'type', subject: name, choices: { kind } })}>
          {texts.field.showType}
        </a>
      </p>
    </div>
  );
}
