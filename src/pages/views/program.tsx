import { useState } from 'preact/hooks';
import type { Kernel } from '../answers.ts';
import type { CheckedObject, Finding } from '../check/check-object.ts';
import { type Asked, asSiteError, linkWith, usePage } from '../parts/context.ts';
import { linesOf } from '../parts/lines.ts';
import { Problem, Ranges } from '../parts/pieces.tsx';
import { type Cell, Strip } from '../parts/strip.tsx';

/** The object that was checked last: it stays while the reader looks at other pages. */
let last: CheckedObject | undefined;

type State = Asked<CheckedObject> | { readonly kind: 'nothing' };

/** On which kernels an eBPF object will load, and what the others do not have. */
export function ProgramView() {
  const { route, texts, answers, progress } = usePage();
  const words = texts.program;
  const [isOver, setOver] = useState(false);
  const [state, setState] = useState<State>(
    last === undefined ? { kind: 'nothing' } : { kind: 'answer', answer: last },
  );
  const check = async (file: File | undefined) => {
    if (file === undefined) return;
    setState({ kind: 'waiting' });
    try {
      const answer = await answers.check(file.name, new Uint8Array(await file.arrayBuffer()));
      last = answer;
      setState({ kind: 'answer', answer });
    } catch (thrown) {
      setState({ kind: 'error', error: asSiteError(thrown), retry: () => void check(file) });
    }
  };
  const { object } = route.choices;
  return (
    <>
      <h1>{words.heading}</h1>
      <p class="lead">{words.lead}</p>
      {object !== undefined && state.kind === 'nothing' && (
        <p>
          <span class="uname">{object}</span>: {words.lost}
        </p>
      )}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is a second way; the button in it is the first */}
      <div
        class={`drop${isOver ? ' over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void check(event.dataTransfer?.files[0]);
        }}
      >
        <label class="button main">
          {state.kind === 'answer' ? words.another : words.choose}
          <input
            type="file"
            class="hidden"
            accept=".o,application/x-object"
            onChange={(event) => void check(event.currentTarget.files?.[0])}
          />
        </label>{' '}
        {words.drop}
      </div>
      <div role="status">
        {state.kind === 'waiting' && (
          <p class="waiting">
            {progress === undefined
              ? texts.loading
              : texts.checkingKernels(progress.done, progress.total)}
          </p>
        )}
      </div>
      {state.kind === 'error' && <Problem error={state.error} texts={texts} />}
      {state.kind === 'answer' && <Checked checked={state.answer} />}
    </>
  );
}

function Checked({ checked }: { readonly checked: CheckedObject }) {
  const { route, texts, site } = usePage();
  const words = texts.program;
  const lines = linesOf(site.kernels);
  const bad = new Set(
    checked.findings
      .filter(({ missing }) => missing.when === 'always')
      .flatMap(({ kernels }) => kernels),
  );
  const chosen = site.kernels.find(({ uname }) => uname === route.choices.kernel);
  const findingsOn = (kernel: Kernel) =>
    checked.findings.filter(({ kernels }) => kernels.includes(kernel.id));
  const cellOf = (kernel: Kernel): Cell => {
    const isKnown = kernel.position !== undefined;
    const isBad = bad.has(kernel.id);
    const reasons = findingsOn(kernel).filter(({ missing }) => missing.when === 'always');
    const state = !isKnown
      ? texts.type.noBtf
      : isBad
        ? `${words.fails}: ${reasons.map(({ missing }) => missing.what).join(', ')}`
        : words.loads;
    return {
      tone: !isKnown ? 'none' : isBad ? 'bad' : 'good',
      group: kernel.uname,
      mark: '',
      label: `${kernel.uname}: ${state}`,
      href: linkWith(route, { kernel: kernel.uname, object: checked.name }),
      isSelected: kernel === chosen,
    };
  };
  const all = checked.kernels.length;
  const findings = chosen === undefined ? checked.findings : findingsOn(chosen);
  return (
    <>
      <h2 class="name">{checked.name}</h2>
      <p class="answer">{words.good(all - bad.size, all)}</p>
      <p class="hint">
        {words.facts(checked.programs.length, checked.relocations)} {texts.eachKernel}
      </p>
      <Strip lines={lines} cellOf={cellOf} label={words.heading} />
      <h2>
        {chosen === undefined ? words.missing : words.onlyOn(chosen.uname)}
        {chosen && (
          <>
            {' '}
            <a class="close" href={linkWith(route, { kernel: '' })}>
              {words.allKernels}
            </a>
          </>
        )}
      </h2>
      {findings.length === 0 && <p>{words.nothing}</p>}
      {findings.map((finding) => (
        <FindingCard key={JSON.stringify(finding)} finding={finding} lines={lines} />
      ))}
      {checked.notChecked.length > 0 && (
        <section>
          <h2>{words.notChecked}</h2>
          <ul>
            {checked.notChecked.map((one) => (
              <li key={one}>
                <code>{one}</code>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function FindingCard(props: {
  readonly finding: Finding;
  readonly lines: ReturnType<typeof linesOf>;
}) {
  const { texts } = usePage();
  const words = texts.program;
  const { missing, functions, hint, kernels } = props.finding;
  return (
    <article class={`card finding ${missing.when}`}>
      <h3>
        <code>{missing.what}</code> <span class="tag">{words.why[missing.why]}</span>
      </h3>
      <p>
        {missing.detail}
        {missing.when === 'optional' && <span class="note"> ({words.optional})</span>}
      </p>
      {(missing.wanted ?? missing.found) !== undefined && (
        <dl class="facts">
          {missing.wanted !== undefined && (
            <div>
              <dt>{words.has}</dt>
              <dd>
                <code>{missing.wanted}</code>
              </dd>
            </div>
          )}
          {missing.found !== undefined && (
            <div>
              <dt>{words.kernelHas}</dt>
              <dd>
                <code>{missing.found}</code>
              </dd>
            </div>
          )}
        </dl>
      )}
      {missing.sources.map((source) => (
        <p class="source" key={`${source.file}:${source.line}`}>
          <span class="uname">
            {source.file}:{source.line}
          </span>
          <code>{source.text.trim()}</code>
        </p>
      ))}
      {functions.length > 0 && (
        <p class="note">
          {words.inFunctions} <code>{functions.join(', ')}</code>
        </p>
      )}
      <p>
        <strong>{words.hint}:</strong> {hint}
      </p>
      <Ranges lines={props.lines} holds={({ id }) => kernels.includes(id)} />
    </article>
  );
}
