import { EnvHttpProxyAgent, interceptors, request } from 'undici';
import type { Http } from '../world/http.ts';

/** HTTP by undici: HTTP/1.1, the usual proxy variables, redirects followed, TLS errors fatal, bodies as sent. */
export function undiciHttp(env: Readonly<Record<string, string | undefined>>): Http {
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY;
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY;
  const noProxy = env.no_proxy ?? env.NO_PROXY;
  const dispatcher = new EnvHttpProxyAgent({
    ...(httpProxy ? { httpProxy } : {}),
    ...(httpsProxy ? { httpsProxy } : {}),
    ...(noProxy ? { noProxy } : {}),
  }).compose(interceptors.redirect({ maxRedirections: 5 }));
  return {
    request: async ({ url, method = 'GET', headers = {}, body, signal }) => {
      const answer = await request(url, {
        dispatcher,
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
        url,
      };
    },
  };
}
