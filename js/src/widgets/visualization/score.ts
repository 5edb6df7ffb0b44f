/** The objective over the iterations: a line of the page, so that themes colour it. */

import { h, write } from "../../ui/element";
import { readable } from "../../ui/number";

const SVG = "http://www.w3.org/2000/svg";

export class Score {
  readonly element: HTMLElement;
  #line = document.createElementNS(SVG, "polyline");
  #high = h("span", { class: "xw-fv-end" });
  #low = h("span", { class: "xw-fv-end" });
  #plot: HTMLElement;

  constructor() {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.append(this.#line);
    const ends = h("div", { class: "xw-fv-ends" }, this.#high, this.#low);
    this.#plot = h("div", { class: "xw-fv-plot", role: "img", "aria-label": "No score yet" }, svg);
    this.element = h(
      "div",
      { class: "xw-fv-score" },
      h("div", { class: "xw-fv-caption" }, "Score by iteration, of the jittered view"),
      h("div", { class: "xw-fv-chart" }, ends, this.#plot),
    );
  }

  /** Show the values so far; the line takes as much of the width as was done of the `steps`. */
  set(values: ArrayLike<number>, steps: number): void {
    const list = Array.from(values);
    const low = Math.min(0, ...list);
    const high = Math.max(...list, low + 1e-12);
    const x = (i: number) => (i + 1) / Math.max(steps, list.length, 1);
    const points = list.map((value, i) => `${x(i)},${1 - (value - low) / (high - low)}`);
    this.#line.setAttribute("points", points.join(" "));
    write(this.#high, list.length > 0 ? readable(high) : "");
    write(this.#low, list.length > 0 ? readable(low) : "");
    const last = list.at(-1);
    if (last !== undefined)
      this.#plot.setAttribute("aria-label", `Score ${readable(last)} after ${list.length} iterations`);
  }
}
