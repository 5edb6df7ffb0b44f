/** The rail itself: bars, playhead, what is under the pointer, and the names of blocks and stages. */

import {
  barPaths,
  fitLabels,
  type Group,
  placeStops,
  type Rail,
  type Stop,
  shortLabel,
  stopAt,
} from "../../draw/rail";
import { fill, h, listen } from "../../ui/element";
import { type LayerInfo, shapeText } from "./facts";

const UP = 56;
const DOWN = 26;
const WHEEL_STEP = 40;
/** Width of a letter of the labels, in pixels. */
const LETTER = 6.2;
const SVG = "http://www.w3.org/2000/svg";

interface Events {
  /** A press began. */
  pressed(): void;
  chose(stop: number): void;
  moved(steps: number): void;
  folded(block: string): void;
}

export class Strip {
  readonly element: HTMLElement;
  readonly track = h("div", {
    class: "xw-ls-track",
    role: "slider",
    tabindex: 0,
    "aria-label": "Layer",
    "aria-orientation": "horizontal",
  });
  #svg = document.createElementNS(SVG, "svg");
  #head = h("div", { class: "xw-ls-playhead" });
  #ghost = h("div", { class: "xw-ls-ghost" });
  #tip = h("div", { class: "xw-ls-tip" });
  #blockRow = h("div", { class: "xw-ls-blocks" });
  #stageRow = h("div", { class: "xw-ls-stages", "aria-hidden": "true" });
  #layers: readonly LayerInfo[] = [];
  #rail: Rail = { stops: [], blocks: [], stages: [] };
  #ends: Float64Array = new Float64Array(0);
  #wheel = 0;
  #pressed = false;
  #hovered = -1;
  #off: (() => void)[];

  constructor(private readonly events: Events) {
    const { track } = this;
    this.#svg.setAttribute("aria-hidden", "true");
    track.append(this.#ghost, this.#head, this.#svg, this.#tip);
    this.element = h("div", { class: "xw-ls-body" }, track, this.#blockRow, this.#stageRow);
    this.#off = [
      listen(track, "pointerdown", (event) => this.#press(event)),
      listen(track, "pointermove", (event) => this.#point(event)),
      listen(track, "pointerup", () => this.#release()),
      listen(track, "pointercancel", () => this.#release()),
      listen(track, "pointerleave", () => this.#hover(-1)),
      listen(track, "wheel", (event) => this.#roll(event), { passive: false }),
    ];
  }

  dispose(): void {
    for (const off of this.#off) off();
  }

  set(layers: readonly LayerInfo[], rail: Rail): void {
    this.#layers = layers;
    this.#rail = rail;
    this.#ends = placeStops(rail, this.track.clientWidth);
    this.#hover(-1);
  }

  /** Draw the bars at the width there is; those that are not `lit` step back. */
  paint(lit: (stop: Stop) => boolean): void {
    const width = this.track.clientWidth;
    this.#ends = placeStops(this.#rail, width);
    this.#svg.setAttribute("width", String(width));
    this.#svg.setAttribute("height", String(UP + DOWN + 2));
    const bars = barPaths(this.#layers, this.#rail, this.#ends, { up: UP, down: DOWN, gap: 1.5 }, lit);
    this.#svg.replaceChildren(
      ...bars.flatMap(({ family, dim, space, channels }) => [
        path(`xw-ls-bar xw-${family}`, space, dim),
        path(`xw-ls-bar xw-ls-under xw-${family}`, channels, dim),
      ]),
    );
    this.#paintBlocks();
    this.#paintStages();
  }

  /** Put the playhead on a stop, or take it away. */
  mark(stop: number, words: string): void {
    this.#head.hidden = stop < 0;
    if (stop >= 0) this.#span(this.#head, stop, stop);
    this.track.setAttribute("aria-valuemin", "1");
    this.track.setAttribute("aria-valuemax", String(Math.max(1, this.#rail.stops.length)));
    this.track.setAttribute("aria-valuenow", String(Math.max(1, stop + 1)));
    this.track.setAttribute("aria-valuetext", words);
  }

  #paintBlocks(): void {
    const { blocks } = this.#rail;
    const texts = blocks.map((block) => shortLabel(block.label, this.#letters(block)));
    const buttons = blocks.map((block, i) => {
      const title = `${block.path}: ${block.layers} layers, ${block.folded ? "unfold" : "fold"}`;
      const attributes = { type: "button", class: "xw-ls-block", tabindex: -1, title, "aria-label": title };
      const button = h("button", { ...attributes, "aria-expanded": String(!block.folded) }, texts[i]);
      button.addEventListener("click", () => this.events.folded(block.path));
      return this.#span(button, block.first, block.last);
    });
    this.#blockRow.replaceChildren(...buttons);
    this.#blockRow.dataset.bare = String(texts.every((text) => text === ""));
    this.#blockRow.hidden = blocks.length === 0;
  }

  #paintStages(): void {
    const { stages } = this.#rail;
    const names = fitLabels(
      stages.map((stage) => stage.path),
      stages.map((stage) => this.#letters(stage)),
    );
    const labels = stages.map((stage, i) =>
      this.#span(h("span", { class: "xw-ls-stage", title: stage.path }, names[i]), stage.first, stage.last),
    );
    this.#stageRow.replaceChildren(...labels);
    this.#stageRow.hidden = stages.length === 0;
  }

  #letters({ first, last }: Group): number {
    return Math.floor((this.#ends[2 * last + 1]! - this.#ends[2 * first]! - 2) / LETTER);
  }

  #span(element: HTMLElement, first: number, last: number): HTMLElement {
    const left = this.#ends[2 * first]!;
    element.style.left = `${left}px`;
    element.style.width = `${Math.max(3, this.#ends[2 * last + 1]! - left)}px`;
    return element;
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#pressed = true;
    this.track.setPointerCapture?.(event.pointerId);
    this.track.focus({ preventScroll: true });
    this.events.pressed();
    this.#point(event);
    event.preventDefault();
  }

  #point(event: PointerEvent): void {
    const stop = stopAt(this.#ends, event.clientX - this.track.getBoundingClientRect().left);
    if (this.#pressed && stop >= 0) this.events.chose(stop);
    this.#hover(this.#pressed ? -1 : stop);
  }

  #release(): void {
    this.#pressed = false;
  }

  /** Sideways always scrubs; up and down only with the focus here, or the page could not be scrolled past. */
  #roll(event: WheelEvent): void {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const focused = this.track.closest(".xw-root")?.contains(this.track.ownerDocument.activeElement);
    if (!sideways && !focused) return;
    event.preventDefault();
    this.#wheel += (sideways ? event.deltaX : event.deltaY) * (event.deltaMode === 1 ? WHEEL_STEP : 1);
    const steps = Math.trunc(this.#wheel / WHEEL_STEP);
    this.#wheel -= steps * WHEEL_STEP;
    if (steps !== 0) this.events.moved(steps);
  }

  #hover(stop: number): void {
    if (stop === this.#hovered) return;
    this.#hovered = stop;
    const found = this.#rail.stops[stop];
    this.#ghost.hidden = this.#tip.hidden = !found;
    if (!found) return;
    const layer = this.#layers[found.layer]!;
    const folded = found.last > found.first && `${found.last - found.first + 1} layers to `;
    this.#span(this.#ghost, stop, stop);
    fill(this.#tip, [folded, h("b", {}, layer.name), ` ${layer.kind} ${shapeText(layer.shape)}`]);
    const middle = (this.#ends[2 * stop]! + this.#ends[2 * stop + 1]!) / 2;
    const room = this.track.clientWidth - this.#tip.offsetWidth;
    this.#tip.style.left = `${Math.max(0, Math.min(room, middle - this.#tip.offsetWidth / 2))}px`;
  }
}

function path(classes: string, d: string, dim: boolean): SVGPathElement {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", dim ? `${classes} xw-ls-dim` : classes);
  element.setAttribute("d", d);
  return element;
}
