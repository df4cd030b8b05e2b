import type { Answers, Question, Reply } from './answers.ts';
import { SiteError } from './database/site-error.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: SiteError): void;
}

/** Asks the worker at `url`. Each method of the result is a question that it answers, or throws SiteError. */
export function askWorker(url: URL, progress: (done: number, total: number) => void): Answers {
  const worker = new Worker(url, { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    if (data.kind === 'progress') {
      progress(data.done, data.total);
      return;
    }
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.kind === 'answer') one?.resolve(data.value);
    else one?.reject(new SiteError(data.error, data.detail));
  };
  // The worker's own file did not arrive, or it stopped.
  worker.onerror = (event) => {
    event.preventDefault();
    const error = new SiteError('offline', `${url.href}: ${event.message ?? 'does not load'}`);
    for (const one of waiting.values()) one.reject(error);
    waiting.clear();
  };
  const question =
    (method: keyof Answers) =>
    (...parameters: readonly unknown[]) =>
      new Promise((resolve, reject) => {
        const id = ++asked;
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, method, parameters } satisfies Question);
      });
  return new Proxy({} as Answers, {
    get: (_, method) => question(method as keyof Answers),
  });
}
