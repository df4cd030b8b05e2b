import type { Answers, Question, Reply } from './answers.ts';
import { SiteError } from './database/site-error.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: SiteError): void;
}

/** Asks the worker at `url`. Each method of the result is a question that it answers, or throws SiteError. */
export function askWorker(url: URL, progress: (done: number, total: number) => void): Answers {
  let worker: Worker | undefined;
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  const start = () => {
    const started = new Worker(url, { type: 'module' });
    started.onmessage = ({ data }: MessageEvent<Reply>) => {
      if (data.kind === 'progress') {
        progress(data.done, data.total);
        return;
      }
      const one = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.kind === 'answer') one?.resolve(data.value);
      else one?.reject(new SiteError(data.error, data.detail));
    };
    // The worker's own file did not arrive, or it stopped. The next question starts another worker.
    started.onerror = (event) => {
      event.preventDefault();
      started.terminate();
      worker = undefined;
      const error = new SiteError('offline', `${url.href}: ${event.message ?? 'does not load'}`);
      for (const one of waiting.values()) one.reject(error);
      waiting.clear();
    };
    return started;
  };
  const question =
    (method: keyof Answers) =>
    (...parameters: readonly unknown[]) =>
      new Promise((resolve, reject) => {
        const id = ++asked;
        waiting.set(id, { resolve, reject });
        worker ??= start();
        worker.postMessage({ id, method, parameters } satisfies Question);
      });
  return new Proxy({} as Answers, {
    get: (_, method) => question(method as keyof Answers),
  });
}
