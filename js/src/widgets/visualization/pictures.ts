/** The pictures that are being made, and the examples of the data beside them. */

import type { Frame, Tensor } from "../../live/client";
import { h, write } from "../../ui/element";
import { readable } from "../../ui/number";
import { Pane } from "../../ui/pane";

/** Paint one picture of a batch `(n, h, w, 3)`, or a single one `(h, w, 3)`. */
export function paint(pane: Pane, { data, shape }: Tensor, place = 0): void {
  const [height, width] = shape.slice(-3) as [number, number, number];
  const start = 3 * place * height * width;
  pane.draw(width, height, (words) => {
    for (let i = 0, from = start; i < words.length; i++, from += 3)
      words[i] = 0xff000000 | (data[from + 2]! << 16) | (data[from + 1]! << 8) | data[from]!;
  });
  pane.element.style.setProperty("--aspect", `${width} / ${height}`);
}

/** One to nine pictures of a unit. */
export class Pictures {
  readonly element = h("div", { class: "xw-fv-pictures" });
  #panes: Pane[] = [];

  constructor() {
    this.#hold(1);
  }

  show(frame: Frame): void {
    const pictures = frame.arrays.pictures;
    if (!pictures) return;
    const count = pictures.shape[0]!;
    this.#hold(count);
    this.#panes.forEach((pane, i) => {
      paint(pane, pictures, i);
      const which = count > 1 ? `Picture ${i + 1} of ${count} for` : "Picture for";
      const told = `${which} ${frame.meta.label}, ${frame.meta.iterations} iterations`;
      pane.canvas.setAttribute("aria-label", told);
    });
  }

  #hold(count: number): void {
    if (this.#panes.length === count) return;
    this.#panes = Array.from({ length: count }, () => new Pane("feature"));
    this.element.style.setProperty("--columns", String(Math.ceil(Math.sqrt(count))));
    this.element.replaceChildren(...this.#panes.map(({ element }) => element));
  }
}

interface Entry {
  name: string;
  score: number;
  box: [number, number, number, number];
}

const MEANING: Record<string, string> = {
  "receptive field": "frame: what the strongest position can see",
  "half of the peak": "frame: where it exceeds half of its peak",
  "whole picture": "ranked by the score of the whole picture",
};

/** The pictures of the data that excite the unit most, the part that does it framed. */
export class ExampleStrip {
  readonly element: HTMLElement;
  #list = h("ul", { class: "xw-fv-examples" });
  #note = h("span", { class: "xw-fv-note" });

  constructor() {
    const head = h("div", { class: "xw-fv-caption" }, h("b", {}, "In the data"), " ", this.#note);
    this.element = h("section", { class: "xw-fv-data", "aria-label": "Examples" }, head, this.#list);
    this.say("looking …");
  }

  say(words: string): void {
    write(this.#note, words);
  }

  show({ meta, arrays }: Frame): void {
    const entries = meta.entries as Entry[];
    const tiles = entries.map((entry, i) => tile(entry, arrays[`example_${i}`]));
    this.#list.replaceChildren(...tiles);
    const { seen, total, skipped, meaning } = meta;
    const looked = seen < total ? `${seen} of ${total} pictures` : `${total} pictures`;
    const lost = skipped > 0 ? `, ${skipped} could not be read` : "";
    this.say(`${looked}${lost} · ${MEANING[meaning] ?? meaning}`);
  }
}

function tile({ name, score, box }: Entry, picture: Tensor | undefined): HTMLElement {
  const pane = new Pane("example");
  if (picture) paint(pane, picture);
  pane.canvas.setAttribute("aria-label", `${name}, score ${readable(score)}`);
  const [left, top, right, bottom] = box.map((share) => 100 * share) as Entry["box"];
  const whole = left === 0 && top === 0 && right === 100 && bottom === 100;
  const frame = h("i", { class: "xw-fv-box", hidden: whole });
  frame.style.cssText = `left:${left}%;top:${top}%;width:${right - left}%;height:${bottom - top}%`;
  pane.element.append(frame);
  return h(
    "li",
    { title: name },
    pane.element,
    h("span", { class: "xw-fv-name" }, name),
    h("span", { class: "xw-fv-figure" }, readable(score)),
  );
}
