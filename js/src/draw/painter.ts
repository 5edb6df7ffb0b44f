/** When to paint: once a frame at most, never out of sight, and as soon as there is room to paint in. */

export class Painter {
  #dirty = false;
  #frame = 0;
  #seen = true;
  #observers: { disconnect(): void }[] = [];
  #undo: (() => void)[] = [];

  constructor(
    private readonly element: HTMLElement,
    private readonly paint: () => void,
    /** What may change its size while the element keeps its own. */
    ...parts: HTMLElement[]
  ) {
    const resize = new ResizeObserver(() => this.invalidate());
    for (const sized of [element, ...parts]) resize.observe(sized);
    const sight = new IntersectionObserver((entries) => this.#sighted(entries), { rootMargin: "200px" });
    sight.observe(element);
    this.#observers.push(
      resize,
      sight,
      themeObserver(() => this.invalidate()),
    );
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const again = () => this.invalidate();
    dark.addEventListener("change", again);
    this.#undo.push(() => dark.removeEventListener("change", again));
  }

  /** Whether anyone could see what is painted now. */
  get visible(): boolean {
    return this.#seen && this.element.clientWidth > 0;
  }

  /** Paint in the next frame. */
  invalidate(): void {
    this.#dirty = true;
    if (this.#frame === 0) this.#frame = requestAnimationFrame(() => this.flush());
  }

  /** Paint now what is due, where it can be seen; else it stays due. */
  flush(): void {
    if (this.#frame !== 0) cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (!this.#dirty || !this.visible) return;
    this.#dirty = false;
    this.paint();
  }

  dispose(): void {
    cancelAnimationFrame(this.#frame);
    this.#dirty = false;
    for (const observer of this.#observers) observer.disconnect();
    for (const undo of this.#undo) undo();
  }

  #sighted(entries: IntersectionObserverEntry[]): void {
    this.#seen = entries.at(-1)?.isIntersecting ?? true;
    if (this.#seen && this.#dirty) this.invalidate();
  }
}

/** Hosts switch between light and dark by attributes of the page; canvases must follow. */
function themeObserver(changed: () => void): MutationObserver {
  const observer = new MutationObserver(changed);
  const attributeFilter = ["class", "data-jp-theme-light", "theme", "style"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class", "theme"] });
  return observer;
}
