/** Canvases that are as sharp as the screen. */

/** Size a canvas in CSS pixels, with as many real ones as the screen has; true where that changed it. */
export function fit(canvas: HTMLCanvasElement, width: number, height: number, ratio = pixelRatio()): boolean {
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  const changed = canvas.width !== w || canvas.height !== h;
  if (changed) {
    canvas.width = w;
    canvas.height = h;
  }
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  return changed;
}

export function pixelRatio(): number {
  return Math.min(3, globalThis.devicePixelRatio || 1);
}

/** The canvas's context, drawing in CSS pixels; null where there is none (no canvas in this host). */
export function pen(canvas: HTMLCanvasElement, ratio = pixelRatio()): CanvasRenderingContext2D | null {
  const context = canvas.getContext("2d");
  context?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

/**
 * A canvas of raw pixels beside the visible one: filled as 32-bit words, then drawn at any size.
 * It grows and is used again, so that painting allocates nothing.
 */
export class Scratch {
  readonly canvas: HTMLCanvasElement;
  #image: ImageData | null = null;
  #words = new Uint32Array(0);

  constructor(document: Document) {
    this.canvas = document.createElement("canvas");
  }

  /** Words for `width` × `height` pixels or more; a row has `this.canvas.width` of them. */
  words(width: number, height: number): Uint32Array {
    if (this.#image === null || this.canvas.width < width || this.canvas.height < height) {
      this.canvas.width = Math.max(this.canvas.width, width);
      this.canvas.height = Math.max(this.canvas.height, height);
      this.#image = new ImageData(this.canvas.width, this.canvas.height);
      this.#words = new Uint32Array(this.#image.data.buffer);
    }
    return this.#words;
  }

  /** Put the words of the first `width` × `height` pixels on the canvas. */
  commit(width: number, height: number): void {
    if (this.#image) this.canvas.getContext("2d")?.putImageData(this.#image, 0, 0, 0, 0, width, height);
  }
}

/** Draw `source` (pixels of a small map) sharply when it grows, smoothly when it shrinks. */
export function drawScaled(
  context: CanvasRenderingContext2D,
  source: HTMLCanvasElement,
  from: { x: number; y: number; width: number; height: number },
  to: { x: number; y: number; width: number; height: number },
  ratio = pixelRatio(),
): void {
  context.imageSmoothingEnabled = to.width * ratio < from.width;
  context.imageSmoothingQuality = "high";
  context.drawImage(source, from.x, from.y, from.width, from.height, to.x, to.y, to.width, to.height);
}
