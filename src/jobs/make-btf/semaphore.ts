/**
 * A counting semaphore over an amount (bytes of memory, bytes of disk), first come, first served.
 * A request for more than the capacity waits until all of it is free, and then gets all of it.
 */
export class Semaphore {
  readonly capacity: number;
  #free: number;
  readonly #queue: { readonly amount: number; readonly grant: () => void }[] = [];

  constructor(capacity: number) {
    this.capacity = Math.max(0, capacity);
    this.#free = this.capacity;
  }

  get free(): number {
    return this.#free;
  }

  /** Waits for `amount`. Call the returned function to release it; a second call does nothing. */
  async acquire(amount: number, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const wanted = Math.min(amount, this.capacity);
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#queue.splice(this.#queue.indexOf(entry), 1);
        reject(signal?.reason);
        this.#serve();
      };
      const entry = {
        amount: wanted,
        grant: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#queue.push(entry);
      this.#serve();
    });
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#free += wanted;
      this.#serve();
    };
  }

  #serve(): void {
    for (let first = this.#queue[0]; first && first.amount <= this.#free; first = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= first.amount;
      first.grant();
    }
  }
}
