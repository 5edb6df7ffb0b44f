/** Newest wins: what is wished many times within a frame is done once, with the last word. */

/** Run after the next paint, and soon where nothing is painted (a hidden tab has no animation frames). */
export function soon(fn: () => void): () => void {
  let open = true;
  const run = () => {
    if (!open) return;
    open = false;
    cancel();
    fn();
  };
  const frame = typeof requestAnimationFrame === "function" ? requestAnimationFrame(run) : 0;
  const timer = setTimeout(run, 60);
  const cancel = () => {
    open = false;
    clearTimeout(timer);
    if (frame) cancelAnimationFrame(frame);
  };
  return cancel;
}

export class Latest<T> {
  #value: T | undefined;
  #cancel: (() => void) | null = null;

  constructor(
    private readonly deliver: (value: T) => void,
    private readonly merge: (older: T, newer: T) => T = (_, newer) => newer,
  ) {}

  push(value: T): void {
    this.#value = this.#value === undefined ? value : this.merge(this.#value, value);
    this.#cancel ??= soon(() => this.flush());
  }

  flush(): void {
    this.#cancel?.();
    this.#cancel = null;
    const value = this.#value;
    this.#value = undefined;
    if (value !== undefined) this.deliver(value);
  }

  drop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#value = undefined;
  }
}
