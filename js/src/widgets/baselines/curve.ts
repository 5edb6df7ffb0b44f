/** A small curve over whole numbers, with a mark that can be moved: lines of the page, so that themes colour it. */

import { attribute, h, write } from "../../ui/element";
import { percent } from "../../ui/number";

const SVG = "http://www.w3.org/2000/svg";

export class Curve {
  readonly element: HTMLElement;
  values: readonly number[] = [];
  #line = document.createElementNS(SVG, "polyline");
  #mark = h("i", { class: "xw-bl-mark", hidden: true });
  #dot = h("i", { class: "xw-bl-dot", hidden: true });
  #most = h("span", { class: "xw-bl-curve-end" });
  #plot: HTMLElement;

  constructor(
    private readonly title: string,
    choose: (place: number) => void,
  ) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.append(this.#line);
    this.#plot = h(
      "div",
      { class: "xw-bl-plot", role: "img" },
      svg,
      this.#mark,
      this.#dot,
      this.#most,
      h("span", { class: "xw-bl-curve-end" }, "0"),
    );
    this.element = h(
      "div",
      { class: "xw-bl-curve" },
      h("div", { class: "xw-bl-caption" }, title),
      this.#plot,
    );
    const at = (event: PointerEvent) => {
      const box = this.#plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / (box.width || 1);
      if (this.values.length > 0)
        choose(Math.round(Math.min(1, Math.max(0, share)) * (this.values.length - 1)));
    };
    this.#plot.addEventListener("pointerdown", (event) => {
      this.#plot.setPointerCapture?.(event.pointerId);
      at(event);
    });
    this.#plot.addEventListener("pointermove", (event) => {
      if (event.buttons === 1) at(event);
    });
  }

  set(values: readonly number[]): void {
    this.values = values;
    const points = values.map((value, i) => `${this.#x(i)},${this.#y(value)}`);
    this.#line.setAttribute("points", points.join(" "));
    write(this.#most, values.length > 0 ? percent(this.#highest, 0) : "");
  }

  mark(place: number): void {
    const value = this.values[place];
    this.#mark.hidden = this.#dot.hidden = value === undefined;
    if (value === undefined) return;
    this.#mark.style.left = this.#dot.style.left = `${100 * this.#x(place)}%`;
    this.#dot.style.top = `${100 * this.#y(value)}%`;
    attribute(
      this.#plot,
      "aria-label",
      `${this.title}: ${percent(value)} at ${place + 1} of ${this.values.length}`,
    );
  }

  get #highest(): number {
    return Math.max(1e-12, ...this.values.filter(Number.isFinite));
  }

  #x(place: number): number {
    return this.values.length > 1 ? place / (this.values.length - 1) : 0.5;
  }

  #y(value: number): number {
    return 1 - Math.min(1, (Number.isFinite(value) ? value : 0) / this.#highest);
  }
}
