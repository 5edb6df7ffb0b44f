/** Colour maps to choose from, each shown as its own gradient. */

import { h, uid, write } from "./element";
import type { Control } from "./field";

export interface Swatch {
  value: string;
  label: string;
  /** Colours from low to high, as CSS. */
  colors: readonly string[];
  /** A word written on the bar. */
  word?: string;
}

export interface Swatches extends Control<string> {
  options(swatches: readonly Swatch[]): void;
  /** The words beside the title, such as the name of what "auto" chose. */
  caption(text: string): void;
}

export function swatches(options: { label: string; value: string; onChange(value: string): void }): Swatches {
  const name = uid("swatches");
  const title = h("span", { class: "xw-label", id: uid("label") }, options.label);
  const caption = h("span", { class: "xw-figure xw-swatch-name" });
  const row = h("div", { class: "xw-swatches", role: "radiogroup", "aria-labelledby": title.id });
  let wanted = options.value;
  let known = "";
  const show = () => {
    for (const radio of row.querySelectorAll("input")) radio.checked = radio.value === wanted;
  };
  const refill = (list: readonly Swatch[]) => {
    const key = JSON.stringify(list);
    if (key === known) return;
    known = key;
    row.replaceChildren(...list.map((swatch) => one(swatch)));
    show();
  };
  const one = ({ value, label, colors, word }: Swatch) => {
    const radio = h("input", { type: "radio", class: "xw-sr", name, value, "aria-label": label });
    radio.addEventListener("change", () => {
      wanted = value;
      options.onChange(value);
    });
    const bar = h("span", { class: "xw-swatch-bar" }, word);
    bar.style.backgroundImage = `linear-gradient(to right, ${colors.join(", ")})`;
    return h("label", { class: "xw-swatch", title: label }, radio, bar);
  };
  return {
    element: h("div", { class: "xw-field" }, h("div", { class: "xw-field-head" }, title, caption), row),
    get: () => wanted,
    set: (value) => {
      wanted = value;
      show();
    },
    options: refill,
    caption: (text) => write(caption, text),
  };
}
