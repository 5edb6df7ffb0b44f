/** What is wished many times within a frame is done once. */

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

/** Run so many milliseconds from now. */
export function later(ms: number): (fn: () => void) => () => void {
  return (fn) => {
    const timer = setTimeout(fn, ms);
    return () => clearTimeout(timer);
  };
}

export class Latest {
  #cancel: (() => void) | null = null;

  constructor(
    private readonly run: () => void,
    private readonly when: (fn: () => void) => () => void = soon,
  ) {}

  push(): void {
    this.#cancel ??= this.when(() => this.flush());
  }

  /** What was pushed, now. */
  flush(): void {
    if (this.#cancel === null) return;
    this.drop();
    this.run();
  }

  drop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }
}
