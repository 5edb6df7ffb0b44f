/** The picture of the baseline, wherever it is shown, and the brush that paints on it. */

import type { Frame, Params, Values } from "../../live/client";
import { canonical } from "../../live/messages";
import { h } from "../../ui/element";
import type { Pane } from "../../ui/pane";
import { chosen, type Known } from "./known";
import { showPicture } from "./pictures";
import { drawStrokes, extend, full, type Stroke, strokesOf } from "./strokes";

export interface Brush {
  color: string;
  /** The diameter in percent of the picture's shorter side. */
  size: number;
}

export class BaselineCanvas {
  brush: Brush = { color: "#808080", size: 8 };
  #panes: Pane[] = [];
  #known: Known | null = null;
  #stroke: Stroke | null = null;

  constructor(private readonly paint: (strokes: Stroke[]) => void) {}

  /** Show the baseline in this pane too, and let it be painted on there. */
  attach(pane: Pane): void {
    this.#panes.push(pane);
    const { element } = pane;
    const tip = h("i", { class: "xw-bl-tip", hidden: true });
    element.append(tip);
    element.addEventListener("pointerdown", (event) => this.#begin(pane, event));
    element.addEventListener("pointermove", (event) => this.#move(pane, tip, event));
    for (const type of ["pointerup", "pointercancel"] as const)
      element.addEventListener(type, () => this.#end());
    element.addEventListener("pointerleave", () => {
      tip.hidden = true;
    });
  }

  show(known: Known): void {
    this.#known = known;
    for (const { element } of this.#panes) element.toggleAttribute("data-paintable", this.#painting);
    this.#draw();
  }

  get #baseline(): Params {
    const { welcome, values } = this.#known!;
    return chosen(welcome, values);
  }

  get #painting(): boolean {
    return this.#known !== null && this.#baseline.name === "painted";
  }

  #draw(): void {
    const frame = frameOf(this.#known!);
    for (const pane of this.#panes) {
      showPicture(pane, frame?.arrays.picture);
      const fresh = frame && this.#painting ? unseen(frame.params.baseline as Params, this.#baseline) : [];
      if (frame) drawStrokes(pane.canvas, this.#stroke ? [...fresh, this.#stroke] : fresh);
    }
  }

  #begin(pane: Pane, event: PointerEvent): void {
    const strokes = strokesOf(this.#known && this.#baseline);
    if (!this.#painting || event.button !== 0 || full(strokes)) return;
    pane.element.setPointerCapture?.(event.pointerId);
    this.#stroke = { color: this.brush.color, size: this.brush.size / 100, points: [] };
    this.#extend(pane, event);
  }

  #move(pane: Pane, tip: HTMLElement, event: PointerEvent): void {
    tip.hidden = !this.#painting;
    if (!this.#painting) return;
    const [x, y] = pane.share(event);
    const { width, height } = pane.canvas;
    const across = (this.brush.size * Math.min(width, height)) / width;
    Object.assign(tip.style, { left: `${100 * x}%`, top: `${100 * y}%`, width: `${across}%` });
    this.#extend(pane, event);
  }

  #extend(pane: Pane, event: PointerEvent): void {
    if (!this.#stroke || full([...strokesOf(this.#baseline), this.#stroke])) return;
    if (extend(this.#stroke, ...pane.share(event))) this.#draw();
  }

  #end(): void {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.paint([...strokesOf(this.#baseline), stroke]);
  }
}

/** The baseline's newest frame, where it is of the selected image. */
export function frameOf({ frames, values }: { frames: Known["frames"]; values: Values }): Frame | undefined {
  const frame = frames.get("baseline");
  return frame?.params.image === values.image ? frame : undefined;
}

/** The strokes that a picture does not show yet: those that were painted since, over the same ground. */
function unseen(shown: Params, wished: Params): Stroke[] {
  const [before, now] = [strokesOf(shown), strokesOf(wished)];
  const same = shown.name === wished.name && shown.over === wished.over;
  const grown = same && canonical(now.slice(0, before.length)) === canonical(before);
  return grown ? now.slice(before.length) : [];
}
