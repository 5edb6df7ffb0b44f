/** What is known of one layer, in a line under its name. */

import { family } from "../../draw/families";
import { fill, h, write } from "../../ui/element";

export interface LayerInfo {
  name: string;
  kind: string;
  shape: number[];
  parameters: number;
  depth: number;
  order: number;
  view: string;
  grid: number[] | null;
  channels: number;
  receptive_field: number | null;
  block: string;
  container: boolean;
  same_as?: string | null;
}

export function shapeText(shape: readonly number[]): string {
  return shape.join(" × ");
}

/** A count in three digits: 36.9 k. */
export function countText(count: number): string {
  if (count < 1000) return String(count);
  const [size, unit] = count < 1e6 ? [1e3, "k"] : count < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return `${Number((count / size).toPrecision(3))} ${unit}`;
}

export class Facts {
  readonly line = h("div", { class: "xw-ls-facts" });
  readonly title: HTMLElement;
  #name = h("bdi", { dir: "ltr" });
  #nameBox = h("div", { class: "xw-ls-name" }, this.#name);
  #place = h("span", { class: "xw-ls-place" });

  constructor() {
    this.title = h("div", { class: "xw-ls-title" }, this.#nameBox, this.#place);
  }

  /** `selected` may name a layer of which nothing is known yet; `place` says which of how many it is. */
  show(selected: string | null, layer: LayerInfo | undefined, place: string, known: boolean): void {
    write(this.#name, selected ?? (known ? "No layer chosen" : "—"));
    this.#nameBox.title = selected ?? "";
    this.#nameBox.dataset.empty = String(selected === null);
    write(this.#place, place);
    fill(this.line, layer ? details(layer) : [known && "Drag along the rail, or use the arrow keys."]);
  }
}

function details(layer: LayerInfo): HTMLElement[] {
  const { receptive_field: field, parameters, kind } = layer;
  const fact = (value: string, label: string, title: string) =>
    h("span", { title }, h("b", {}, value), ` ${label}`);
  return [
    h("span", { class: "xw-ls-kind" }, h("i", { class: `xw-ls-dot xw-${family(kind)}` }), kind),
    h(
      "span",
      { class: "xw-ls-shape", title: "The shape of its output, without the batch" },
      shapeText(layer.shape),
    ),
    fact(
      countText(parameters),
      parameters === 1 ? "parameter" : "parameters",
      parameters.toLocaleString("en"),
    ),
    fact(String(layer.depth), "deep", "How deep its module is nested"),
    fact(
      field === null ? "whole image" : `${field} px`,
      "seen",
      "Receptive field: what one position can depend on",
    ),
  ];
}
