/** One picture in its own pixels, with a crosshair that its neighbours share. */

import { h } from "./element";

/** A pixel. */
export interface Spot {
  x: number;
  y: number;
}

/** One canvas with its crosshair. */
export class Pane {
  readonly canvas: HTMLCanvasElement;
  readonly element: HTMLElement;
  #across = h("i", { class: "xw-cross xw-cross-x", hidden: true });
  #down = h("i", { class: "xw-cross xw-cross-y", hidden: true });
  #image: ImageData | null = null;

  constructor(kind: string) {
    this.canvas = h("canvas", { role: "img", "aria-label": "No picture yet", width: 1, height: 1 });
    this.element = h("div", { class: `xw-pane xw-pane-${kind}` }, this.canvas, this.#across, this.#down);
  }

  /** Paint pixels of the picture's own size; the style sheet scales them. */
  draw(width: number, height: number, fn: (words: Uint32Array) => void): void {
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.#image = new ImageData(width, height);
    }
    fn(new Uint32Array(this.#image.data.buffer));
    this.canvas.getContext("2d")?.putImageData(this.#image, 0, 0);
    this.element.removeAttribute("data-empty");
  }

  clear(): void {
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.element.setAttribute("data-empty", "");
  }

  cross(spot: Spot | null, width: number, height: number): void {
    this.#across.hidden = this.#down.hidden = spot === null;
    if (spot === null) return;
    this.#across.style.top = `${((spot.y + 0.5) / height) * 100}%`;
    this.#down.style.left = `${((spot.x + 0.5) / width) * 100}%`;
  }

  /** Where an event points, as shares of the picture's width and height. */
  share(event: MouseEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / (box.width || 1), (event.clientY - box.top) / (box.height || 1)];
  }

  spot(event: MouseEvent, width: number, height: number): Spot {
    const [x, y] = this.share(event);
    const at = (share: number, size: number) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    return { x: at(x, width), y: at(y, height) };
  }
}
