/** Lines over an axis from 0 to 1, with an upright cursor: elements of the page, so that themes colour them. */

import { fill, h } from "../ui/element";
import { readable } from "../ui/number";
import { watchWidth } from "../ui/visibility";

export interface Line {
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  color: string;
  /** What the legend says; nothing for a line that it leaves out. */
  words?: string;
  width?: number;
  opacity?: number;
  dashed?: boolean;
}

export interface Band {
  from: number;
  to: number;
  words: string;
}

export interface Shown {
  across: string;
  up: string;
  /** How the axis is written. */
  tick(value: number): string;
  lines: readonly Line[];
  band: Band | null;
}

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 230;
const MARGIN = { top: 8, bottom: 46, left: 58, right: 14 };
const SHADE = "#9aa3ad";

export class Chart {
  readonly element: HTMLElement;
  #legend = h("div", { class: "xw-chart-legend" });
  #svg = make("svg", { class: "xw-chart-plot", height: HEIGHT });
  #cursor = make("line", { class: "xw-chart-cursor", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
  #shown: Shown | null = null;
  #at = 0;
  #width = 0;
  #off: () => void;

  constructor(label: string) {
    this.#svg.setAttribute("role", "img");
    this.#svg.setAttribute("aria-label", label);
    this.element = h("div", { class: "xw-root xw-chart" }, this.#legend, this.#svg);
    this.#off = watchWidth(this.element, () => this.resize());
  }

  /** Draw at the width there is. */
  resize(): void {
    this.#width = this.#svg.clientWidth;
    this.#draw();
  }

  dispose(): void {
    this.#off();
  }

  show(shown: Shown | null): void {
    this.#shown = shown;
    const keys = shown?.lines.filter(({ words }) => words) ?? [];
    fill(this.#legend, [
      ...keys.map(({ words, color, dashed }) => key(words!, color, dashed ? "dashed" : "line")),
      shown?.band && key(shown.band.words, SHADE, "area"),
    ]);
    this.#draw();
  }

  /** Put the cursor at a place of the axis. */
  point(at: number): void {
    this.#at = at;
    this.#cursor.setAttribute("x1", String(this.#x(at)));
    this.#cursor.setAttribute("x2", String(this.#x(at)));
  }

  #draw(): void {
    const shown = this.#shown;
    this.#svg.setAttribute("width", "100%");
    this.#svg.replaceChildren();
    if (!shown || this.#width === 0) return;
    const [low, high] = range(shown.lines);
    const y = (value: number) =>
      HEIGHT - MARGIN.bottom - ((value - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const { band } = shown;
    if (band)
      this.#svg.append(
        make("rect", {
          x: this.#x(band.from),
          y: MARGIN.top,
          width: this.#x(band.to) - this.#x(band.from),
          height: HEIGHT - MARGIN.top - MARGIN.bottom,
          fill: SHADE,
          opacity: 0.16,
        }),
      );
    this.#axes(shown, ticksOf(low, high), y);
    for (const line of shown.lines) this.#svg.append(this.#line(line, y));
    this.#svg.append(this.#cursor);
    this.point(this.#at);
  }

  #axes({ across, up, tick }: Shown, ticks: readonly number[], y: (value: number) => number): void {
    const [left, right] = [this.#x(0), this.#x(1)];
    for (const value of ticks) {
      this.#svg.append(
        make("line", { class: "xw-chart-grid", x1: left, x2: right, y1: y(value), y2: y(value) }),
        text(readable(value), left - 8, y(value) + 4, "end"),
      );
    }
    const bottom = HEIGHT - MARGIN.bottom;
    for (const value of [0, 0.2, 0.4, 0.6, 0.8, 1])
      this.#svg.append(
        make("line", {
          class: "xw-chart-grid",
          x1: this.#x(value),
          x2: this.#x(value),
          y1: MARGIN.top,
          y2: bottom,
        }),
        text(tick(value), this.#x(value), bottom + 16, "middle"),
      );
    this.#svg.append(text(across, (left + right) / 2, HEIGHT - 6, "middle"));
    const middle = (MARGIN.top + bottom) / 2;
    const upright = text(up, 12, middle, "middle");
    upright.setAttribute("transform", `rotate(-90 12 ${middle})`);
    this.#svg.append(upright);
  }

  #line(
    { x, y, color, width = 2, opacity = 1, dashed = false }: Line,
    place: (value: number) => number,
  ): Element {
    const points = Array.from(x, (at, i) => `${this.#x(at)},${place(y[i]!)}`).join(" ");
    const dashes = dashed ? "5 4" : "none";
    return make("polyline", {
      points,
      fill: "none",
      stroke: color,
      opacity,
      "stroke-width": width,
      "stroke-dasharray": dashes,
      "stroke-linejoin": "round",
    });
  }

  #x(share: number): number {
    return MARGIN.left + share * Math.max(1, this.#width - MARGIN.left - MARGIN.right);
  }
}

/** The smallest and the largest value, a little apart at least. */
function range(lines: readonly Line[]): [number, number] {
  const all = lines.flatMap(({ y }) => Array.from(y)).filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return low < high ? [low, high] : [(low || 0) - 0.5, (low || 0) + 0.5];
}

/** Some five round numbers between two ends. */
export function ticksOf(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function make(name: string, attributes: Record<string, string | number>): SVGElement {
  const element = document.createElementNS(SVG, name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

function text(words: string, x: number, y: number, anchor: string): SVGElement {
  const element = make("text", { x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}

function key(words: string, color: string, kind: "line" | "dashed" | "area"): HTMLElement {
  const mark = h("i", { class: `xw-chart-key xw-chart-${kind}` });
  mark.style.color = color;
  return h("span", {}, mark, words);
}
