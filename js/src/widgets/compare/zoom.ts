/** One part of the picture looked at in all cells: a zoom that they share. */

const LARGEST = 16;
const STEP = 1.25;

/** Where to look: `scale` times as large, around a point in shares of the picture. */
export class Zoom {
  scale = 1;
  #x = 0.5;
  #y = 0.5;
  #held: { x: number; y: number } | null = null;

  constructor(private readonly root: HTMLElement) {}

  /** Zoom in or out around a point. */
  by(steps: number, x = this.#x, y = this.#y): void {
    const before = this.scale;
    this.scale = Math.min(LARGEST, Math.max(1, before * STEP ** steps));
    // What lies under the point stays there.
    const keep = before / this.scale;
    this.#x = x + (this.#x - x) * keep;
    this.#y = y + (this.#y - y) * keep;
    this.#show();
  }

  reset(): void {
    this.scale = 1;
    this.#show();
  }

  /** Move what is looked at, in shares of the picture. */
  pan(dx: number, dy: number): void {
    this.#x += dx;
    this.#y += dy;
    this.#show();
  }

  /** The wheel over a cell, with Ctrl or where it is zoomed in already, and dragging it about. */
  attach(view: HTMLElement): void {
    view.addEventListener("wheel", (event) => this.#wheel(view, event), { passive: false });
    view.addEventListener("pointerdown", ({ clientX, clientY }) => {
      if (this.scale > 1) this.#held = { x: clientX, y: clientY };
    });
    view.addEventListener("pointermove", (event) => this.#drag(view, event));
    for (const type of ["pointerup", "pointercancel", "pointerleave"] as const)
      view.addEventListener(type, () => {
        this.#held = null;
      });
  }

  #wheel(view: HTMLElement, event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) return;
    event.preventDefault();
    const box = view.getBoundingClientRect();
    const half = 0.5 / this.scale;
    const x = this.#x - half + (event.clientX - box.left) / (box.width || 1) / this.scale;
    const y = this.#y - half + (event.clientY - box.top) / (box.height || 1) / this.scale;
    this.by(event.deltaY < 0 ? 1 : -1, x, y);
  }

  #drag(view: HTMLElement, event: PointerEvent): void {
    if (!this.#held) return;
    const { width, height } = view.getBoundingClientRect();
    const [dx, dy] = [event.clientX - this.#held.x, event.clientY - this.#held.y];
    this.#held = { x: event.clientX, y: event.clientY };
    this.pan(-dx / (width * this.scale || 1), -dy / (height * this.scale || 1));
  }

  #show(): void {
    const half = 0.5 / this.scale;
    const inside = (value: number) => Math.min(1 - half, Math.max(half, value));
    this.#x = inside(this.#x);
    this.#y = inside(this.#y);
    const { style } = this.root;
    style.setProperty("--zoom", String(this.scale));
    style.setProperty("--zoom-x", `${-100 * (this.#x - half)}%`);
    style.setProperty("--zoom-y", `${-100 * (this.#y - half)}%`);
    this.root.toggleAttribute("data-zoomed", this.scale > 1);
    this.root.dataset.zoom = this.scale.toFixed(2);
  }
}
