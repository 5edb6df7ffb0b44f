/** How the maps are shown: order, scale, colours, size. None of it needs new maps. */

import { colormap, colormapNames } from "../../draw/colormap";
import { fill, h, listen } from "../../ui/element";
import { segments } from "../../ui/toolbar";
import type { Sort } from "./content";

export const TILES = { low: 24, high: 224, step: 8, usual: 72 };

export const SORT_NAMES: Record<Sort, string> = {
  index: "index",
  mean: "mean",
  max: "maximum",
  variance: "variance",
  score: "grad × act",
  value: "value",
};

/** The traits of the panel that only concern its look. */
export type Trait = "sort" | "scale" | "colormap" | "tile";

export interface Shown {
  sort: Sort;
  sorts: readonly Sort[];
  scale: string;
  colormap: string;
  tile: number;
}

export class Controls {
  readonly element: HTMLElement;
  #sort = h("select", {
    class: "xw-select",
    "aria-label": "Order of the maps",
    title: "grad × act: gradient × activation, how much each map speaks for the target",
  });
  #colormap = h("select", { class: "xw-select", "aria-label": "Colour map" });
  #tile = h("input", {
    type: "range",
    class: "xw-range",
    min: TILES.low,
    max: TILES.high,
    step: TILES.step,
    "aria-label": "Size of the maps",
    title: "Size of the maps (+ and −)",
  });
  #scale: ReturnType<typeof segments>;
  #off: (() => void)[];

  constructor(changed: (trait: Trait, value: string | number) => void) {
    this.#scale = segments({
      label: "Scale of the colours",
      segments: [
        { value: "map", label: "per map", help: "Each map has its own scale: shapes compare" },
        { value: "layer", label: "per layer", help: "All maps share one scale: strengths compare" },
      ],
      value: "map",
      quiet: true,
      onChange: (scale) => changed("scale", scale),
    });
    const colours = ["auto", ...colormapNames].map((name) =>
      h("option", { value: name }, name === "auto" ? "Auto colours" : colormap(name).label),
    );
    fill(this.#colormap, colours);
    this.#off = [
      listen(this.#sort, "change", () => changed("sort", this.#sort.value)),
      listen(this.#colormap, "change", () => changed("colormap", this.#colormap.value)),
      listen(this.#tile, "input", () => changed("tile", Number(this.#tile.value))),
    ];
    const labelled = (text: string, control: HTMLElement) =>
      h("label", { class: "xw-fm-control" }, h("span", {}, text), control);
    this.element = h(
      "div",
      { class: "xw-fm-controls" },
      labelled("Sort", this.#sort),
      h("div", { class: "xw-fm-control" }, h("span", {}, "Scale"), this.#scale.element),
      labelled("Colours", this.#colormap),
      labelled("Size", this.#tile),
    );
  }

  dispose(): void {
    for (const off of this.#off) off();
  }

  show({ sort, sorts, scale, colormap: colours, tile }: Shown): void {
    if (this.#sort.dataset.sorts !== sorts.join()) {
      this.#sort.dataset.sorts = sorts.join();
      fill(
        this.#sort,
        sorts.map((name) => h("option", { value: name }, SORT_NAMES[name])),
      );
    }
    this.#sort.value = sort;
    this.#scale.set(scale);
    this.#colormap.value = colours;
    this.#tile.value = String(tile);
  }
}
