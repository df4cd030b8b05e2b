import type { ConnectionOptions } from 'node:tls';
import { EnvHttpProxyAgent, interceptors, Pool, request } from 'undici';
import type { Http } from '../platform/http.ts';

/** Sockets to one origin, or to the proxy: a net below the politeness of `MirrorPool`, which stays far under it. */
const CONNECTIONS = 64;
const CONNECT_TIMEOUT = 20_000;
const HEADERS_TIMEOUT = 60_000;
/** The last resort for a body that nobody else watches; `get` has a shorter idle timeout of its own. */
const SILENCE_TIMEOUT = 300_000;
const REDIRECTIONS = 5;

/**
 * HTTP by undici: HTTP/1.1 with kept connections, five redirects followed, bodies as they were sent.
 * Proxies by `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` (or in capitals) of `env`: plain
 * HTTP is forwarded, TLS goes through a tunnel. Certificates are always checked, whatever
 * NODE_TLS_REJECT_UNAUTHORIZED says; `tls` may add authorities.
 */
export function undiciHttp(
  env: Readonly<Record<string, string | undefined>>,
  tls: Pick<ConnectionOptions, 'ca'> = {},
): Http {
  const setting = (name: string) => env[name] ?? env[name.toUpperCase()];
  const strict = { ...tls, rejectUnauthorized: true };
  const common = {
    allowH2: false,
    connections: CONNECTIONS,
    headersTimeout: HEADERS_TIMEOUT,
    bodyTimeout: SILENCE_TIMEOUT,
  };
  const direct = new EnvHttpProxyAgent({
    ...common,
    connect: { ...strict, timeout: CONNECT_TIMEOUT },
    requestTls: strict,
    proxyTls: strict,
    proxyTunnel: false,
    // The proxy's own pool would forget the limits above.
    factory: (origin: string | URL, options: object) => new Pool(origin, { ...common, ...options }),
    // An empty string keeps undici from looking into the environment of the process by itself.
    httpProxy: setting('http_proxy') ?? setting('all_proxy') ?? '',
    httpsProxy: setting('https_proxy') ?? setting('all_proxy') ?? '',
    noProxy: setting('no_proxy') ?? '',
  });
  const following = direct.compose(interceptors.redirect({ maxRedirections: REDIRECTIONS }));

  return {
    request: async ({ url, method = 'GET', headers = {}, body, signal, redirect }) => {
      const answer = await request(url, {
        dispatcher: redirect === 'manual' ? direct : following,
        method,
        headers: { 'accept-encoding': 'identity', ...headers },
        ...(body === undefined ? {} : { body }),
        ...(signal ? { signal } : {}),
      });
      const plain = Object.entries(answer.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : (value ?? ''),
      ]);
      return {
        status: answer.statusCode,
        headers: Object.fromEntries(plain),
        body: answer.body,
        url: lastOf(answer.context) ?? url,
      };
    },
  };
}

/** The last URL that undici's redirect interceptor asked, which is the one that answered. */
function lastOf(context: object | undefined): string | undefined {
  const history = context && 'history' in context ? context.history : undefined;
  const last: unknown = Array.isArray(history) ? history.at(-1) : undefined;
  return last instanceof URL ? last.href : undefined;
}
