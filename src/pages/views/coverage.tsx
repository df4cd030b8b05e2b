import { tarballPath } from '../../archive/layout.ts';
import type { Kernel } from '../answers.ts';
import { linkWith, replaceLink, usePage } from '../parts/context.ts';
import { linesOf } from '../parts/lines.ts';
import { Columns, Copyable, Scrollable } from '../parts/pieces.tsx';
import { type Cell, Strip, type Tone } from '../parts/strip.tsx';
import { linkTo } from '../route.ts';

/** How a kernel stands: its state, and for one that is archived, how its BTF was made. */
type Standing = 'archived' | 'embedded' | 'pending' | 'failed' | 'unread';

const STANDINGS: readonly Standing[] = ['archived', 'embedded', 'pending', 'failed', 'unread'];

const TONES: Readonly<Record<Standing, Tone>> = {
  archived: 'good',
  embedded: 'embedded',
  pending: 'waiting',
  failed: 'bad',
  unread: 'bad',
};

function standingOf({ state, method }: Kernel): Standing {
  return state === 'archived' && method === 'embedded' ? 'embedded' : state;
}

/** Which kernels have BTF: a picture of all of them, and one of them in full. */
export function CoverageView() {
  const { route, texts, site } = usePage();
  const words = texts.coverage;
  const { kernel: uname = '', q = '' } = route.choices;
  const filter = q.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = site.kernels.filter((one) => {
    const place = [one.uname, one.arch, one.versionId, one.distribution, ...one.releases];
    const text = `${place.join(' ')} ${words.states[standingOf(one)]}`.toLowerCase();
    return filter.every((word) => text.includes(word));
  });
  const chosen = site.kernels.find((one) => one.uname === uname);
  const cellOf = (one: Kernel): Cell => ({
    tone: TONES[standingOf(one)],
    group: one.uname,
    mark: '',
    label: `${one.uname}: ${words.states[standingOf(one)]}${one.reason ? ` (${one.reason})` : ''}`,
    href: linkWith(route, { kernel: one.uname }),
    isSelected: one === chosen,
  });
  return (
    <>
      <h1>{words.heading}</h1>
      <ul class="legend">
        {STANDINGS.map((standing) => {
          const count = shown.filter((one) => standingOf(one) === standing).length;
          return (
            count > 0 && (
              <li key={standing}>
                <span class={`swatch ${TONES[standing]}`} aria-hidden="true" />
                <strong>{count}</strong> {words.states[standing]}
              </li>
            )
          );
        })}
      </ul>
      <div class="filters">
        <label class="wide">
          {words.filter}
          <input
            type="search"
            value={q}
            spellcheck={false}
            onInput={(event) => replaceLink(linkWith(route, { q: event.currentTarget.value }))}
          />
        </label>
      </div>
      {chosen && <KernelCard kernel={chosen} />}
      {uname !== '' && chosen === undefined && <Unknown uname={uname} />}
      {shown.length === 0 ? (
        <>
          <p>{words.none}</p>
          {/^\d+\.\d+/.test(q) && <Unknown uname={q} />}
        </>
      ) : (
        <>
          <p class="hint">{texts.eachKernel}</p>
          <Strip lines={linesOf(shown)} cellOf={cellOf} label={words.heading} />
          {shown.length <= MOST_LISTED && <KernelList kernels={shown} />}
        </>
      )}
    </>
  );
}

/** So many kernels are also a list, which a long picture does not need. */
const MOST_LISTED = 40;

function KernelList({ kernels }: { readonly kernels: readonly Kernel[] }) {
  const { route, texts } = usePage();
  const { coverage } = texts;
  return (
    <Scrollable kind="scroll" label={texts.kernels}>
      <table class="list">
        <thead>
          <Columns names={[texts.kernel, texts.release, coverage.state, coverage.built]} />
        </thead>
        <tbody>
          {linesOf(kernels).flatMap((line) =>
            line.kernels.map((one) => (
              <tr key={one.id}>
                <th scope="row" class="uname">
                  <a href={linkWith(route, { kernel: one.uname })}>{one.uname}</a>
                </th>
                <td>{line.release}</td>
                <td>
                  <span class={`swatch ${TONES[standingOf(one)]}`} aria-hidden="true" />{' '}
                  {coverage.states[standingOf(one)]}
                  {one.reason && <span class="reason"> {one.reason}</span>}
                </td>
                <td>{one.builtAt?.slice(0, 10) ?? ''}</td>
              </tr>
            )),
          )}
        </tbody>
      </table>
    </Scrollable>
  );
}

function Unknown({ uname }: { readonly uname: string }) {
  const { texts, site } = usePage();
  return (
    <section class="card">
      <p>{texts.coverage.notKnown(uname)}</p>
      <Copyable
        text={`btfhub list ${archiveOption(site.file.archive)}--kernel ${quoted(`${uname}*`)}`}
      />
    </section>
  );
}

function KernelCard({ kernel }: { readonly kernel: Kernel }) {
  const { route, texts, site } = usePage();
  const words = texts.coverage;
  const { uname, method, size, builtAt, reason, message } = kernel;
  const { archive, raw } = site.file;
  const path = tarballPath(kernel, uname);
  const line = linesOf(site.kernels).find(({ kernels }) => kernels.includes(kernel));
  const series = line?.kernels.filter((one) => one.series === kernel.series) ?? [];
  const before = series[series.indexOf(kernel) + 1];
  const facts = [
    [words.state, words.states[standingOf(kernel)]],
    [texts.release, `${kernel.releases.join(', ') || line?.release}, ${kernel.arch}`],
    [words.method, method && words.methods[method]],
    ['pahole', kernel.pahole],
    [words.built, builtAt?.replace('T', ' ').slice(0, 16)],
    [words.size, size && `${size.toLocaleString(route.language)} B`],
    [words.reason, reason && `${reason}${message ? `: ${message}` : ''}`],
  ];
  return (
    <section class="card" aria-label={uname}>
      <div class="card-head">
        <h2 class="uname">{uname}</h2>
        <a class="close" href={linkWith(route, { kernel: '' })}>
          {texts.close}
        </a>
      </div>
      <dl class="facts">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      {kernel.state === 'archived' && (
        <dl class="commands">
          <dt>{words.fetch}</dt>
          <dd>
            <Copyable text={`btfhub fetch ${archiveOption(archive)}--kernel ${quoted(uname)}`} />
          </dd>
          <dt>{words.install}</dt>
          <dd>
            <Copyable text={`btfhub install ${archiveOption(archive)}--kernel ${quoted(uname)}`} />
          </dd>
          {raw !== '' && (
            <>
              <dt>{words.raw}</dt>
              <dd>
                <Copyable text={`${raw}${path}`} />
              </dd>
            </>
          )}
        </dl>
      )}
      {before && kernel.position !== undefined && (
        <p>
          <a
            href={linkTo({
              language: route.language,
              view: 'compare',
              subject: '',
              choices: { a: before.uname, b: uname },
            })}
          >
            {words.compareWith}
          </a>{' '}
          <span class="uname">{before.uname}</span>
        </p>
      )}
    </section>
  );
}

function archiveOption(archive: string): string {
  return archive === '' ? '' : `--archive ${quoted(archive)} `;
}

/** A word of a shell: names come from the archive and from links. */
function quoted(text: string): string {
  return /^[\w@%+=:,./~-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
