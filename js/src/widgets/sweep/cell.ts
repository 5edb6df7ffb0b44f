/** One layer or method: its map over the picture, its name, its figure. */

import { overlay } from "../../draw/heatmap";
import { clipRange, type Plane, type Tensor } from "../../draw/plane";
import { attribute, h, write } from "../../ui/element";
import { icon } from "../../ui/icon";
import { readable } from "../../ui/number";
import { Pane } from "../../ui/pane";
import { type Entry, scoreWords } from "./known";

export const CLIP = 99;
const OPACITY = 0.75;

export interface Shown {
  entry: Entry;
  label: string;
  map: Plane | null;
  picture: Tensor | undefined;
  /** What the strongest colour stands for where all maps share that; null for one a map. */
  limit: number | null;
  best: boolean;
  selected: boolean;
  /** Whether Tab comes here. */
  stop: boolean;
}

export class Cell {
  readonly element: HTMLButtonElement;
  #pane = new Pane("sweep");
  #best = h("span", { class: "xw-sw-best", hidden: true }, "Best");
  #sign = h("span", { class: "xw-sw-sign", hidden: true }, icon("fails"), "No map");
  #name = h("bdi", {});
  #score = h("span", { class: "xw-sw-score" });
  #limit = h("span", { class: "xw-sw-limit" });
  #bar = h("span", { class: "xw-sw-bar" }, h("i", {}));
  #painted: Plane["data"] | null = null;
  #ends = Number.NaN;

  constructor(choose: () => void) {
    this.#pane.canvas.setAttribute("aria-hidden", "true");
    this.#pane.element.append(this.#best, this.#sign);
    this.element = h(
      "button",
      { type: "button", class: "xw-sw-cell", role: "radio", "aria-checked": "false", tabindex: -1 },
      this.#pane.element,
      h("span", { class: "xw-sw-name" }, this.#name),
      h("span", { class: "xw-sw-figures" }, this.#score, this.#limit),
      this.#bar,
    );
    this.element.addEventListener("click", () => {
      if (!this.off) choose();
    });
  }

  /** Whether it can't be chosen. */
  get off(): boolean {
    return this.element.getAttribute("aria-disabled") === "true";
  }

  show(shown: Shown): void {
    const { entry, label, map, best, selected, stop } = shown;
    const { element } = this;
    write(this.#name, label);
    const score = entry.score === null ? null : scoreWords(entry.score);
    write(this.#score, score ?? (entry.there ? "…" : ""));
    this.#bar.toggleAttribute("data-empty", score === null);
    this.#bar.style.setProperty("--score", String(Math.max(-1, Math.min(1, entry.score ?? 0))));
    this.#best.hidden = !best;
    this.#sign.hidden = entry.failure === "";
    element.toggleAttribute("data-best", best);
    attribute(element, "aria-disabled", entry.failure === "" ? null : "true");
    element.setAttribute("aria-checked", String(selected));
    element.tabIndex = stop ? 0 : -1;
    element.dataset.name = entry.name;
    element.title = entry.failure ? `${label}: ${entry.failure}` : label;
    this.#paint(shown, map);
  }

  #paint({ picture, limit, entry }: Shown, map: Plane | null): void {
    // What was asked before stays, dimmed, until there is something newer.
    this.element.toggleAttribute("data-pending", !map && entry.failure === "");
    if (!map || !picture) {
      if (entry.failure) this.#pane.clear();
      this.#painted = null;
      write(this.#limit, "");
      return;
    }
    const sign = entry.signed ? "both" : "positive";
    const high = limit ?? clipRange(map, CLIP, sign)[1];
    write(this.#limit, limit === null ? `${entry.signed ? "±" : "≤ "}${readable(high)}` : "");
    this.#limit.title = "What the strongest colour stands for";
    // A later frame brings the same map in a buffer of its own, so that the pixels are painted again.
    if (this.#painted === map.data && this.#ends === high) return;
    this.#painted = map.data;
    this.#ends = high;
    const look = {
      colormap: "auto",
      clip: CLIP,
      sign,
      opacity: OPACITY,
      blend: "blended",
      top: 100,
    } as const;
    this.#pane.draw(map.width, map.height, (out) =>
      overlay(picture.data, map, look, out, [sign === "both" ? -high : 0, high]),
    );
  }
}
