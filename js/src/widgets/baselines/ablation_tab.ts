/** What is left of the image without the pixels that a map calls strongest, for each baseline. */

import { type Plane, plane } from "../../draw/plane";
import type { Frame, Params } from "../../live/client";
import { canonical } from "../../live/messages";
import { attribute, fill, h, write } from "../../ui/element";
import type { Evidence } from "../../ui/evidence";
import { percent, readable } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { byKey, slider } from "../../ui/slider";
import { segments } from "../../ui/toolbar";
import { ablate, along, orderOf } from "./ablate";
import { Chips, short } from "./chips";
import type { Entry } from "./compare_tab";
import { ofAblation } from "./evidence";
import { type Actions, inFull, type Known, type Tab } from "./known";
import { columnsFor } from "./pictures";
import { follow } from "./preview";

export interface Curved extends Entry {
  area?: number | null;
  color?: string;
}

type Bar = { start: number; random: number } | null;

const SHARE = { low: 0, high: 1, step: 0.01, log: false };

class Cell {
  readonly element: HTMLElement;
  readonly pane = new Pane("ablated");
  #dot = h("i", { class: "xw-bl-key" });
  #label = h("span", { class: "xw-bl-label" });
  #area = h("b", { class: "xw-number" });
  #track = h("div", {
    class: "xw-bl-bar",
    title: "The area as a share of f; the mark is the random order's",
  });
  #fact = h("span", { class: "xw-bl-fact" });

  constructor() {
    this.element = h(
      "div",
      { class: "xw-bl-cell" },
      h("div", { class: "xw-bl-name" }, this.#dot, this.#label),
      this.pane.element,
      h("div", { class: "xw-bl-cell-facts" }, this.#fact, this.#area),
      this.#track,
    );
  }

  /** The bar compares the area with that of the random order, both as shares of what f is at the start. */
  show(label: string, color: string, fact: string, area: number | null, bar: Bar): void {
    write(this.#label, label);
    this.#label.title = label;
    this.#dot.style.background = color;
    write(this.#fact, fact);
    write(this.#area, area === null ? "" : `area ${readable(area)}`);
    const known = area !== null && !!bar && bar.start > 0;
    const share = (value: number) => String(known ? Math.min(1, Math.max(0, value / bar.start)) : 0);
    this.#track.style.setProperty("--area", share(area ?? 0));
    this.#track.style.setProperty("--random", share(bar?.random ?? 0));
    this.#track.toggleAttribute("data-empty", !known);
  }
}

export class AblationTab implements Tab {
  readonly element: HTMLElement;
  #chips: Chips;
  #fill = segments({
    label: "Filled with",
    value: "mean",
    segments: [
      { value: "mean", label: "Mean", help: "The image's mean colour" },
      { value: "blur", label: "Blur", help: "The blurred image" },
      { value: "noise", label: "Noise", help: "Uniform noise" },
    ],
    onChange: (fill) => this.actions.look({ fill }),
  });
  #share = slider({
    label: "Taken away",
    low: 0,
    high: 100,
    step: 1,
    unit: "%",
    value: 10,
    help: "The strongest pixels of each map, largest value first.",
    onInput: (share) => this.actions.look({ share: share / 100 }),
  });
  #grid = h("div", {
    class: "xw-bl-grid",
    role: "list",
    "aria-label": "The image without its strongest pixels",
  });
  #cells: Cell[] = [];
  #words = h("p", { class: "xw-bl-note" });
  #known: Known | null = null;
  #compared: { frame: Frame; maps: Map<string, Plane> } | null = null;

  constructor(private readonly actions: Actions) {
    this.#chips = new Chips(actions);
    this.element = h(
      "div",
      { class: "xw-bl-ablation" },
      this.#chips.element,
      h("div", { class: "xw-bl-options" }, this.#fill.element, this.#share.element),
      this.#grid,
      this.#words,
    );
  }

  show(known: Known): void {
    this.#known = known;
    const { look } = known;
    this.#chips.show(known);
    this.#fill.set(look.fill);
    this.#share.set(Math.round(100 * look.share));
    const entries = this.#entries;
    this.#rebuild(entries.length + 1);
    entries.forEach((entry, i) => {
      this.#cell(i, entry);
    });
    this.#random(entries.length);
    write(this.#words, this.#verdict(known.frames.get("ablation")?.meta));
  }

  point(spot: Spot | null): void {
    for (const { pane } of this.#cells) pane.cross(spot, ...this.#size);
  }

  key(event: KeyboardEvent): boolean {
    const next = byKey(event, this.#known?.look.share ?? 0.1, SHARE);
    if (next !== null) this.actions.look({ share: Math.min(1, Math.max(0, Number(next.toFixed(2)))) });
    return next !== null;
  }

  evidence({ meta }: Frame): Evidence | null {
    return ofAblation(meta);
  }

  get #entries(): Curved[] {
    const { look, frames } = this.#known!;
    const shown: Curved[] | undefined = frames.get("ablation")?.meta?.entries;
    return shown ?? look.baselines.map((baseline) => ({ baseline }));
  }

  get #size(): [number, number] {
    const shape = this.#known?.frames.get("input")?.arrays.picture?.shape;
    return shape ? [shape[1]!, shape[0]!] : [1, 1];
  }

  #rebuild(count: number): void {
    if (count === this.#cells.length) return;
    while (this.#cells.length < count) {
      const cell = new Cell();
      follow(cell.pane, () => this.#size, this.actions.point);
      cell.element.setAttribute("role", "listitem");
      this.#cells.push(cell);
    }
    this.#cells.length = count;
    this.#grid.style.setProperty("--columns", String(columnsFor(count)));
    fill(
      this.#grid,
      this.#cells.map(({ element }) => element),
    );
  }

  /** The map of a baseline, where the comparison has it for the same question. */
  #map(baseline: Params): Plane | undefined {
    const { welcome, frames } = this.#known!;
    const [frame, curves] = [frames.get("compare"), frames.get("ablation")];
    const same = (key: string) => canonical(frame?.params[key]) === canonical(curves?.params[key]);
    if (!frame || !["image", "target", "seed"].every(same)) return undefined;
    if (this.#compared?.frame !== frame) {
      const maps = new Map<string, Plane>();
      ((frame.meta?.entries ?? []) as Entry[]).forEach((entry, i) => {
        const map = frame.arrays[`map_${i}`];
        if (map) maps.set(canonical(inFull(welcome, entry.baseline)), plane(map));
      });
      this.#compared = { frame, maps };
    }
    return this.#compared.maps.get(canonical(inFull(welcome, baseline)));
  }

  #cell(index: number, entry: Curved): void {
    const { welcome, look, frames } = this.#known!;
    const name = short(welcome, entry.baseline);
    const cell = this.#cells[index]!;
    const frame = frames.get("ablation");
    const shares = frame?.arrays.shares?.data;
    const curve =
      shares && frame.arrays.curves?.data.subarray(index * shares.length, (index + 1) * shares.length);
    const value = curve ? along(shares, curve, look.share) : Number.NaN;
    const area = entry.area ?? null;
    const fact = Number.isFinite(value) ? fell(frame!.meta.start, value) : "";
    cell.show(name, entry.color ?? "transparent", fact, area, barOf(frame));
    const map = this.#map(entry.baseline);
    const drawn = map && this.#draw(cell.pane, orderOf(map));
    const gone = `${name}, ${percent(look.share, 0)} of the pixels taken away`;
    attribute(cell.pane.canvas, "aria-label", drawn ? `${gone}: ${fact}` : `${name}: no map yet`);
  }

  #verdict(meta: Frame["meta"] | undefined): string {
    const entries: Curved[] = meta?.entries ?? [];
    const known = entries.filter(({ area }) => typeof area === "number");
    const best = known.sort((a, b) => a.area! - b.area!)[0];
    if (!best) return "";
    const name = short(this.#known!.welcome, best.baseline);
    return `The lower the area, the more the network needed the pixels that went first: lowest for ${name}.`;
  }

  /** The random order: one of many is drawn, the figures are means over those that were asked. */
  #random(index: number): void {
    const { look, frames } = this.#known!;
    const cell = this.#cells[index]!;
    const frame = frames.get("ablation");
    const { shares, random } = frame?.arrays ?? {};
    const count = shares ? random!.shape[0]! : 0;
    const row = (r: number) => random!.data.subarray(r * shares!.data.length, (r + 1) * shares!.data.length);
    const values = Array.from({ length: count }, (_, r) => along(shares!.data, row(r), look.share));
    const mean = values.reduce((sum, value) => sum + value, 0) / (count || 1);
    const fact = count > 0 ? fell(frame!.meta.start, mean) : "";
    const area = frame?.meta?.random_area ?? null;
    const label = count > 0 ? `Random (mean of ${count})` : "Random";
    cell.show(label, "#8a8f98", fact, area, barOf(frame));
    cell.element.toggleAttribute("data-random", true);
    const [width, height] = this.#size;
    const drawn = this.#draw(cell.pane, shuffled(width * height));
    attribute(cell.pane.canvas, "aria-label", drawn ? `A random order: ${fact}` : "A random order");
  }

  #draw(pane: Pane, order: ArrayLike<number>): boolean {
    const { frames, look, values } = this.#known!;
    const [input, curves] = [frames.get("input"), frames.get("ablation")];
    const [picture, filled] = [input?.arrays.picture, curves?.arrays.filled];
    const fits =
      picture &&
      filled &&
      input?.params.image === values.image &&
      curves?.params.image === values.image &&
      order.length === picture.shape[0]! * picture.shape[1]!;
    if (!fits) {
      pane.clear();
      return false;
    }
    pane.draw(picture.shape[1]!, picture.shape[0]!, (out) =>
      ablate(picture.data, filled.data, order, look.share, out),
    );
    return true;
  }
}

let shuffle: Uint32Array | null = null;

/** A random order of so many places, always the same one (a linear congruential generator, Fisher and Yates). */
function shuffled(count: number): Uint32Array {
  if (shuffle?.length === count) return shuffle;
  const places = Uint32Array.from({ length: count }, (_, i) => i);
  let state = 1;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [places[i], places[j]] = [places[j]!, places[i]!];
  }
  shuffle = places;
  return places;
}

function barOf(frame: Frame | undefined): Bar {
  return frame ? { start: frame.meta.start, random: frame.meta.random_area } : null;
}

function fell(start: number, value: number): string {
  return `f ${readable(start)} → ${readable(value)}`;
}
