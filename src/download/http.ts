import type { ConnectionOptions } from 'node:tls';
import { type Dispatcher, EnvHttpProxyAgent, interceptors, Pool, request } from 'undici';
import type { Http, HttpRequest } from '../platform/http.ts';

/** Sockets to one origin, or to the proxy; `MirrorPool` opens far fewer. */
const CONNECTIONS = 64;
const CONNECT_TIMEOUT = 10_000;
/** The address families of a host are tried this many milliseconds after one another (RFC 8305). */
const NEXT_ADDRESS_AFTER = 250;
const HEADERS_TIMEOUT = 60_000;
/** For a body that no other limit watches; the requests of a download have a shorter one. */
const BODY_TIMEOUT = 300_000;
const REDIRECTS = 5;
const PROJECT = 'https://github.com/openeuler/btfhub-action';

export interface HttpSettings {
  /** Of this program, for the User-Agent. */
  readonly version?: string;
  /** Certificate authorities besides the system's. */
  readonly ca?: ConnectionOptions['ca'];
}

/**
 * HTTP by undici: HTTP/1.1 with kept connections, five redirects followed but never one from https to http,
 * bodies as they were sent. Every request names this program and its URL, because some mirrors refuse
 * requests that do not (RFC 9110, 10.1.5).
 *
 * Proxies are taken from `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (or in capitals) of `env`:
 * plain HTTP is forwarded, TLS goes through a tunnel. Certificates are always checked, whatever
 * NODE_TLS_REJECT_UNAUTHORIZED says.
 */
export function undiciHttp(
  env: Readonly<Record<string, string | undefined>>,
  { version = 'development', ca }: HttpSettings = {},
): Http {
  const setting = (name: string) => env[name] ?? env[name.toUpperCase()];
  const strict = { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) };
  const common = {
    allowH2: false,
    connections: CONNECTIONS,
    headersTimeout: HEADERS_TIMEOUT,
    bodyTimeout: BODY_TIMEOUT,
  };
  const bothFamilies = {
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: NEXT_ADDRESS_AFTER,
    timeout: CONNECT_TIMEOUT,
  };
  const direct = new EnvHttpProxyAgent({
    ...common,
    connect: { ...strict, ...bothFamilies },
    requestTls: strict,
    proxyTls: strict,
    proxyTunnel: false,
    // The proxy's own pool would forget the limits above.
    factory: (origin: string | URL, options: object) => new Pool(origin, { ...common, ...options }),
    // An empty string keeps undici from reading the environment of the process by itself.
    httpProxy: setting('http_proxy') ?? setting('all_proxy') ?? '',
    httpsProxy: setting('https_proxy') ?? setting('all_proxy') ?? '',
    noProxy: setting('no_proxy') ?? '',
  });
  const redirect = interceptors.redirect({ maxRedirections: REDIRECTS });
  const following = direct.compose(redirect);
  // The outer interceptor is the last: each redirect passes the inner one again.
  const followingTls = direct.compose(refusePlainHttp, redirect);
  const identity = {
    'accept-encoding': 'identity',
    'user-agent': `btfhub/${version} (+${PROJECT})`,
  };
  const dispatcherFor = ({ url, redirect }: HttpRequest) => {
    if (redirect === 'manual') return direct;
    return /^https:/i.test(url) ? followingTls : following;
  };

  return {
    request: async (asked) => {
      const { url, method = 'GET', headers = {}, body, signal } = asked;
      const response = await orAborted(
        request(url, {
          dispatcher: dispatcherFor(asked),
          method,
          headers: { ...identity, ...headers },
          ...(body === undefined ? {} : { body }),
          ...(signal ? { signal } : {}),
        }),
        signal,
      );
      const plain = Object.entries(response.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]);
      return {
        status: response.statusCode,
        headers: Object.fromEntries(plain),
        body: response.body,
        url: lastUrl(response.context) ?? url,
      };
    },
  };
}

/** After TLS is left, the network on the way can change what is sent. */
function refusePlainHttp(dispatch: Dispatcher.Dispatch): Dispatcher.Dispatch {
  return (options, handler) => {
    const origin = `${options.origin}`;
    if (origin.startsWith('https:')) return dispatch(options, handler);
    throw new Error(`it redirects from https to ${origin}, which is refused`);
  };
}

/** undici does not hear an abort between two redirects, while the second waits for its connection. */
async function orAborted(
  response: Promise<Dispatcher.ResponseData>,
  signal: AbortSignal | undefined,
): Promise<Dispatcher.ResponseData> {
  if (signal === undefined) return response;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([response, aborted]);
  } catch (error) {
    if (signal.aborted)
      response.then(({ body }) => body.on('error', () => {}).destroy()).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The last URL that undici's redirect interceptor requested: the one that answered. */
function lastUrl(context: object | undefined): string | undefined {
  const history = context && 'history' in context ? context.history : undefined;
  const last: unknown = Array.isArray(history) ? history.at(-1) : undefined;
  return last instanceof URL ? last.href : undefined;
}
