import { describe, Failure } from '../failure.ts';
import { printable } from '../names.ts';
import type { Clock } from '../platform/clock.ts';
import { type Http, type HttpResponse, readBody } from '../platform/http.ts';
import { retryAfter } from '../platform/retry-after.ts';

/** Who asks, and where. */
export interface ApiSettings {
  readonly http: Http;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** `https://api.github.com`, without a slash at the end. */
  readonly root: string;
  /** What people call it: `GitHub`. */
  readonly title: string;
  /** With the token. Sent to the origin of `root` and nowhere else. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the token must be allowed to do, for the message when it is not. */
  readonly permission: string;
  /** Takes the token out of whatever the forge says. */
  hide(text: string): string;
}

type ApiMethod = 'GET' | 'POST' | 'PATCH';

/** A forge's API: JSON in, JSON out. */
export interface Api {
  /** @param attempt a verb phrase for messages: `open a pull request` */
  call(attempt: string, method: ApiMethod, path: string, body?: object): Promise<unknown>;
}

/** Ten minutes: a nightly run may wait that long for a rate limit; a longer limit ends it. */
const LONGEST_WAIT = 600_000;
const ATTEMPTS = 5;
/** Milliseconds from a request to the last byte of its answer. */
export const LONGEST_ANSWER = 120_000;
/** Bytes: a page of 100 pull requests with the longest bodies has a fifth of it. */
const LARGEST_ANSWER = 32 * 1024 * 1024;
const REDIRECTS = 3;

interface ApiResponse extends Omit<HttpResponse, 'body'> {
  readonly text: string;
}

export function openApi(settings: ApiSettings): Api {
  return {
    call: async (attempt, method, path, body) => {
      for (let tried = 1; ; tried += 1) {
        const answer = await sendFollowing(settings, attempt, method, path, body);
        const wait = retryDelay(settings, method, answer, tried);
        if (wait === undefined) return parseJson(settings, attempt, answer);
        await settings.clock.sleep(wait, settings.signal);
      }
    },
  };
}

/** One question and its answer, after redirects within the forge; elsewhere the token does not go. */
async function sendFollowing(
  settings: ApiSettings,
  attempt: string,
  method: ApiMethod,
  path: string,
  body: object | undefined,
): Promise<ApiResponse | Failure> {
  const { title } = settings;
  let url = new URL(`${settings.root}${path}`);
  for (let redirects = 0; ; redirects += 1) {
    const answer = await send(settings, attempt, method, url, body);
    if (answer instanceof Failure) return answer;
    const to = answer.headers.location;
    // 301 and 302 would turn what is sent into a question: they are for questions only.
    const followed = method === 'GET' ? [301, 302, 307, 308] : [307, 308];
    if (to === undefined || !followed.includes(answer.status) || redirects === REDIRECTS) {
      return answer;
    }
    const next = new URL(to, url);
    if (next.origin !== url.origin) {
      throw new Failure(
        'forge',
        `${title} could not ${attempt}: it sends us on to ${next.origin}, where the token is not sent.`,
        'Has the repository moved? Give its new URL as --archive, or the new API as --api-url.',
      );
    }
    url = next;
  }
}

async function send(
  settings: ApiSettings,
  attempt: string,
  method: ApiMethod,
  url: URL,
  body: object | undefined,
): Promise<ApiResponse | Failure> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const late = new AbortController();
  const ended = new AbortController();
  settings.clock.sleep(LONGEST_ANSWER, ended.signal).then(
    () => late.abort(new Error(`no whole answer within ${LONGEST_ANSWER / 1000} s`)),
    () => {},
  );
  try {
    const response = await settings.http.request({
      url: url.href,
      method,
      headers: { accept: 'application/json', ...settings.headers, ...json },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([settings.signal, late.signal]),
      redirect: 'manual',
    });
    const { status, headers } = response;
    const bytes = await readBody(response.body, {
      bytes: LARGEST_ANSWER,
      exceeded: (why) =>
        new Failure(
          'forge',
          `The answer of ${settings.title} to the request to ${attempt} ${why}.`,
          'Is --api-url the address of its API?',
        ),
    });
    return { status, headers, url: response.url, text: bytes.toString('utf8') };
  } catch (error) {
    settings.signal.throwIfAborted();
    if (error instanceof Failure) throw error;
    const why = settings.hide(describe(error)) || 'no connection';
    return new Failure(
      'network',
      `${settings.title} could not be asked to ${attempt} at ${url.origin}: ${why}.`,
      'Try again; if it stays so, check the network, the proxy and --api-url.',
    );
  } finally {
    ended.abort();
  }
}

/** How long to wait before the same again; undefined when the answer counts. */
function retryDelay(
  { clock }: ApiSettings,
  method: ApiMethod,
  answer: ApiResponse | Failure,
  tried: number,
): number | undefined {
  if (tried === ATTEMPTS) return undefined;
  const backoff = 1000 * 2 ** (tried - 1);
  // What was to be made may have been made: only who knows what it was can try again.
  if (answer instanceof Failure) return method === 'POST' ? undefined : backoff;
  const { status, headers } = answer;
  const asked = retryAfter(headers['retry-after'], clock.date());
  const spent = headers['x-ratelimit-remaining'] === '0';
  const limited = status === 429 || (status === 403 && (asked !== undefined || spent));
  if (limited || (status === 503 && asked !== undefined)) {
    const reset = spent ? Number(headers['x-ratelimit-reset']) * 1000 - clock.date().getTime() : 0;
    const wait = asked ?? Math.max(backoff, Number.isFinite(reset) ? reset : 0);
    return wait > LONGEST_WAIT ? undefined : wait;
  }
  return status >= 500 && method !== 'POST' ? backoff : undefined;
}

/** The answer's JSON, or what to do about a refusal. */
function parseJson(settings: ApiSettings, attempt: string, answer: ApiResponse | Failure): unknown {
  if (answer instanceof Failure) throw answer;
  const { title, hide } = settings;
  const { status, text } = answer;
  if (status >= 200 && status < 300) {
    try {
      return JSON.parse(text);
    } catch {
      throw new Failure(
        'forge',
        `${title} answered with something else than JSON when asked to ${attempt}.`,
        'Is --api-url the address of its API?',
      );
    }
  }
  const said = hide(errorText(text));
  throw new Failure(
    'forge',
    `${title} could not ${attempt}: status ${status}${said === '' ? '' : `, '${printable(said)}'`}.`,
    advice(settings, answer),
  );
}

/** What a forge says in its errors: `message` (GitHub, Gitee, Gitea) or `error_message` (AtomGit), with details. */
function errorText(text: string): string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return '';
  }
  if (typeof json !== 'object' || json === null) return '';
  const fields = json as Record<string, unknown>;
  const details = Array.isArray(fields.errors)
    ? fields.errors.map((one) => (typeof one === 'string' ? one : one?.message))
    : [];
  return [fields.message, fields.error_message, fields.error, ...details]
    .filter((one) => typeof one === 'string')
    .join(': ');
}

function advice(
  { title, permission }: ApiSettings,
  { status, headers, text }: ApiResponse,
): string {
  const limited = headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0';
  if (status === 429 || (status === 403 && limited)) {
    return 'Its limit on requests is reached for longer than a run can wait: try again later.';
  }
  if (status === 401) {
    return `The token is not accepted: is it expired, or not one of ${title}? Set BTFHUB_TOKEN or --token-file.`;
  }
  if (status === 403) return `The token lacks a right: it needs ${permission}.`;
  if (status === 404) {
    return `The repository or a branch is not there, or the token does not see it: it needs ${permission}.`;
  }
  if (status === 409 || /already exists|existe?d/i.test(text)) {
    return 'There is one already: close it, or let it be updated.';
  }
  if (status === 400 || status === 422) {
    return 'Do both branches exist, and do they differ? Check --branch and --base.';
  }
  if (status >= 500) return 'The forge has a trouble of its own: try again later.';
  return 'Check --archive, --forge and --api-url.';
}
