/** The image beside its baseline: where the two are equal, and a colour picked from the image. */

import { attribute, h, write } from "../../ui/element";
import { percent } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { type BaselineCanvas, frameOf } from "./canvas";
import { hatch } from "./hatch";
import type { Known } from "./known";
import { hex, showPicture } from "./pictures";

export class Preview {
  readonly element: HTMLElement;
  #image = new Pane("image");
  #baseline = new Pane("baseline");
  #words = h("p", { class: "xw-bl-blind" });
  #sample = h("i", { class: "xw-bl-sample", hidden: true });
  #text = h("span", {});
  #known: Known | null = null;
  #failure = "";
  #spot: Spot | null = null;
  #picked: ((color: string) => void) | null = null;

  constructor(
    private readonly canvas: BaselineCanvas,
    private readonly point: (spot: Spot | null) => void,
  ) {
    this.#words.append(this.#sample, this.#text);
    this.element = h(
      "div",
      { class: "xw-bl-preview" },
      figure("Image", this.#image),
      figure("Baseline", this.#baseline),
      this.#words,
    );
    canvas.attach(this.#baseline);
    for (const pane of [this.#image, this.#baseline]) follow(pane, () => this.size, point);
    this.#image.element.addEventListener("pointerdown", (event) => {
      if (!this.#picked) return;
      event.preventDefault();
      this.#take();
    });
    this.#image.element.addEventListener("keydown", (event) => this.#keydown(event));
  }

  /** Width and height of the picture. */
  get size(): [number, number] {
    const [height, width] = this.#known?.frames.get("input")?.arrays.picture?.shape ?? [1, 1];
    return [width!, height!];
  }

  get picking(): boolean {
    return this.#picked !== null;
  }

  show(known: Known): void {
    this.#known = known;
    const frame = frameOf(known);
    const blind = frame?.arrays.blind;
    const input = known.frames.get("input");
    const own = input?.params.image === known.values.image ? input.arrays.picture : undefined;
    const fits = own && blind && own.shape[0] === blind.shape[0] && own.shape[1] === blind.shape[1];
    showPicture(this.#image, own, (out) => {
      if (fits && !this.#picked) hatch(blind.data, own.shape[1]!, out);
    });
    this.canvas.show(known);
    this.#say();
  }

  /** What went wrong with the baseline; "" where nothing did. */
  fail(words: string): void {
    this.#failure = words;
    this.#say();
  }

  cross(spot: Spot | null): void {
    this.#spot = spot;
    for (const pane of [this.#image, this.#baseline]) pane.cross(spot, ...this.size);
    if (this.#picked) this.#say();
  }

  /** Wait for a pixel of the image to be chosen by a click, or by arrows and Enter. */
  pick(picked: (color: string) => void): void {
    this.#picked = picked;
    attribute(this.#image.element, "data-picking", true);
    this.#image.element.tabIndex = 0;
    this.#image.element.focus({ preventScroll: true });
    if (this.#known) this.show(this.#known);
  }

  stop(): void {
    this.#picked = null;
    this.#image.element.removeAttribute("data-picking");
    this.#image.element.removeAttribute("tabindex");
    if (this.#known) this.show(this.#known);
  }

  #take(): void {
    const [color, picked] = [this.#color(), this.#picked];
    this.stop();
    if (color) picked?.(color);
  }

  #keydown(event: KeyboardEvent): void {
    if (!this.#picked) return;
    const step = event.shiftKey ? 10 : 1;
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const move = moves[event.key];
    if (move) this.#walk(...move);
    else if (event.key === "Enter") this.#take();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #walk(dx: number, dy: number): void {
    const [width, height] = this.size;
    const inside = (place: number, size: number) => Math.min(size - 1, Math.max(0, place));
    const { x, y } = this.#spot ?? { x: width >> 1, y: height >> 1 };
    this.point({ x: inside(x + dx, width), y: inside(y + dy, height) });
  }

  /** The colour of the image under the pointer. */
  #color(): string | null {
    const picture = this.#known?.frames.get("input")?.arrays.picture;
    if (!picture || !this.#spot) return null;
    return hex(picture.data, this.#spot.y * picture.shape[1]! + this.#spot.x);
  }

  #say(): void {
    const frame = this.#known && frameOf(this.#known);
    const color = this.#picked && this.#color();
    this.#sample.hidden = !color;
    this.#sample.style.background = color ?? "";
    this.#words.toggleAttribute("data-failed", !this.#picked && this.#failure !== "");
    if (this.#picked) write(this.#text, color ?? "Click on the image to take a colour; Esc leaves it.");
    else write(this.#text, this.#failure || (frame ? blindWords(frame.meta) : ""));
    if (!frame) return;
    const name = this.#known!.welcome.images[this.#known!.values.image]?.name ?? "";
    attribute(this.#image.canvas, "aria-label", `The image ${name}. ${blindWords(frame.meta)}`);
    attribute(this.#baseline.canvas, "aria-label", `The baseline: ${frame.meta?.label ?? ""}`);
  }
}

export function figure(caption: string | Node, pane: Pane, ...more: HTMLElement[]): HTMLElement {
  return h(
    "figure",
    { class: "xw-bl-figure" },
    h("figcaption", { class: "xw-bl-caption" }, caption),
    pane.element,
    ...more,
  );
}

/** Tell which pixel of a pane is pointed at; one look at the size when it happens, since it may change. */
export function follow(
  pane: Pane,
  size: () => readonly [number, number],
  point: (spot: Spot | null) => void,
): void {
  for (const type of ["pointermove", "pointerdown"] as const)
    pane.element.addEventListener(type, (event) => point(pane.spot(event, ...size())));
  pane.element.addEventListener("pointerleave", () => point(null));
}

function blindWords({ blind, pictures }: { blind?: number; pictures?: number } = {}): string {
  const many = (pictures ?? 1) > 1 ? `The mean of ${pictures} pictures. ` : "";
  if (typeof blind !== "number") return many;
  if (blind === 0) return `${many}No pixel equals the baseline.`;
  return `${many}${percent(blind)} of the pixels equal the baseline: they can get nothing (hatched).`;
}
