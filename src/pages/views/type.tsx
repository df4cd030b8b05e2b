import { DEFINITION_KINDS, type Definition } from '../../explorer/definition.ts';
import type { DefinitionVersion } from '../../explorer/queries.ts';
import type { Kernel } from '../answers.ts';
import { linkWith, replaceLink, useAnswer, usePage } from '../parts/context.ts';
import { DefinitionText } from '../parts/definition-text.tsx';
import { linesOf } from '../parts/lines.ts';
import { Await, Lead, Ranges } from '../parts/pieces.tsx';
import { type Cell, Strip } from '../parts/strip.tsx';
import { toneOf, versionsIn } from '../parts/variants.ts';
import { linkTo } from '../route.ts';

const EXAMPLES = ['task_struct', 'sock', 'sk_buff', 'tcp_connect', 'bpf_map_type', 'file'];

/** Every version of a type or function, and the kernels of each. */
export function TypeView() {
  const { route, answers } = usePage();
  const name = route.subject;
  const asked = useAnswer(name, async () => (name === '' ? [] : answers.versions(name)));
  if (name === '') return <Lead view="type" examples={EXAMPLES} />;
  return (
    <Await asked={asked}>
      {(versions) => (versions.length === 0 ? <Unknown /> : <Versions all={versions} />)}
    </Await>
  );
}

function Unknown() {
  const { route, texts, answers } = usePage();
  const { language, subject } = route;
  const asked = useAnswer(subject, () => answers.complete(subject, 20));
  return (
    <>
      <h1 class="name">{subject}</h1>
      <p>{texts.type.unknown(subject)}</p>
      <Await asked={asked}>
        {(names) =>
          names.length > 0 && (
            <>
              <p>{texts.type.similar}</p>
              <ul class="names">
                {names.map(({ name, kind }) => (
                  <li key={`${kind} ${name}`}>
                    <a href={linkTo({ language, view: 'type', subject: name, choices: { kind } })}>
                      {name}
                    </a>{' '}
                    <span class="note">{texts.kinds[kind]}</span>
                  </li>
                ))}
              </ul>
            </>
          )
        }
      </Await>
    </>
  );
}

function Versions({ all }: { readonly all: readonly DefinitionVersion[] }) {
  const { route, texts, site } = usePage();
  const words = texts.type;
  const kinds = DEFINITION_KINDS.filter((kind) => all.some((one) => one.kind === kind));
  const kind = kinds.find((one) => one === route.choices.kind) ?? kinds[0];
  const versions = all.filter((one) => one.kind === kind);
  const lines = linesOf(site.kernels);
  const withBtf = site.kernels.filter(({ position }) => position !== undefined);
  const having = withBtf.filter((kernel) => versionsIn(versions, kernel).length > 0);
  const newest = lines
    .flatMap(({ kernels }) => kernels)
    .find((kernel) => versionsIn(versions, kernel).length > 0);
  const wanted = Number(route.choices.version) - 1;
  const chosen = versions[wanted] ? wanted : (newest && versionsIn(versions, newest)[0]) || 0;
  const version = versions[chosen] as DefinitionVersion;
  const base = baseOf(versions, chosen, route.choices.base);
  const cellOf = (kernel: Kernel): Cell => {
    const own = versionsIn(versions, kernel);
    const [first] = own;
    const marks = own.map((index) => index + 1).join('+');
    const state =
      kernel.position === undefined
        ? words.noBtf
        : first === undefined
          ? words.absent
          : own.map((index) => words.version(index + 1)).join(', ');
    return {
      tone: kernel.position === undefined ? 'none' : first === undefined ? 'absent' : toneOf(first),
      group: kernel.position === undefined ? 'none' : marks,
      mark: marks,
      label: `${kernel.uname}: ${state}`,
      href:
        first === undefined
          ? linkWith(route, {})
          : linkWith(route, { version: `${first + 1}`, base: '' }),
      isSelected: own.includes(chosen),
    };
  };
  return (
    <>
      <h1 class="name">
        {kinds.length === 1 && <span class="kind">{texts.kinds[version.kind]} </span>}
        {version.name}
      </h1>
      {kinds.length > 1 && (
        <nav class="tabs" aria-label={texts.compare.kind}>
          {kinds.map((one) => (
            <a
              key={one}
              href={linkWith(route, { kind: one, version: '', base: '' })}
              aria-current={one === kind ? 'page' : undefined}
            >
              {texts.kinds[one]}
            </a>
          ))}
        </nav>
      )}
      <p class="answer">{words.summary(versions.length, having.length, withBtf.length)}</p>
      <p class="hint">{texts.newestFirst}</p>
      <Strip lines={lines} cellOf={cellOf} label={words.versions} />
      <div class="two-columns">
        <section>
          <h2>{words.versions}</h2>
          <ol class="versions">
            {versions.map((one, index) => (
              <li key={one.id} class={index === chosen ? 'chosen' : undefined}>
                <a
                  href={linkWith(route, { version: `${index + 1}`, base: '' })}
                  aria-current={index === chosen ? 'true' : undefined}
                >
                  <span class={`swatch ${toneOf(index)}`} aria-hidden="true" />
                  {words.version(index + 1)}
                </a>
                {sizeOf(one.definition) !== undefined && (
                  <span class="note">{texts.field.bytes(sizeOf(one.definition) ?? 0)}</span>
                )}
                <Ranges lines={lines} holds={(kernel) => versionsIn([one], kernel).length > 0} />
              </li>
            ))}
          </ol>
        </section>
        <section>
          <div class="text-head">
            <h2>{words.version(chosen + 1)}</h2>
            {versions.length > 1 && (
              <label>
                {words.base}{' '}
                <select
                  value={base === undefined ? '0' : `${base + 1}`}
                  onChange={(event) =>
                    replaceLink(
                      linkWith(route, {
                        version: `${chosen + 1}`,
                        base: event.currentTarget.value,
                      }),
                    )
                  }
                >
                  <option value="0">{words.noBase}</option>
                  {versions.map(
                    (one, index) =>
                      index !== chosen && (
                        <option key={one.id} value={`${index + 1}`}>
                          {words.version(index + 1)}
                        </option>
                      ),
                  )}
                </select>
              </label>
            )}
          </div>
          <DefinitionText
            definition={version.definition}
            base={base === undefined ? undefined : versions[base]?.definition}
          />
        </section>
      </div>
    </>
  );
}

/** With which version the text is compared: the one before, where nothing was chosen. */
function baseOf(
  versions: readonly DefinitionVersion[],
  chosen: number,
  choice: string | undefined,
): number | undefined {
  const wanted = choice === undefined ? chosen - 1 : Number(choice) - 1;
  return versions[wanted] !== undefined && wanted !== chosen ? wanted : undefined;
}

function sizeOf(definition: Definition): number | undefined {
  return 'size' in definition ? definition.size : undefined;
}
