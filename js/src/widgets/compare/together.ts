/** The maps of a row or a column held together: where they differ, how far they agree, where networks part. */

import { clipRange, type Plane, plane } from "../../draw/plane";
import type { Frame } from "../../live/client";
import { fill, h, write } from "../../ui/element";
import { Pane, type Spot } from "../../ui/pane";
import { segments } from "../../ui/toolbar";
import { ScaleBar } from "../attribution/scale";
import { meanSize } from "../attribution/words";
import { showMap } from "../baselines/pictures";
import type { Cell } from "./cell";
import { columnName, hidden, type Known, type Look, methodName, selectedCell } from "./known";
import { showMatrix } from "./matrix";

const PLAIN = "inferno";
const SVG = "http://www.w3.org/2000/svg";
const MEASURES: Record<Look["measure"], string> = {
  rank: "Spearman's rank correlation of all pixels",
  ssim: "Structural similarity (Wang et al. 2004)",
  top: "Share of the strongest 10 % of pixels in common",
};

/** What is held together: cells by their places, and what they are called. */
export interface Group {
  title: string;
  indices: number[];
  names: string[];
}

/** The line of the selected cell; where that has less than two maps, the first one that has. */
export function groupOf(known: Known): Group {
  const { layout, look } = known;
  const at = selectedCell(known);
  const own = look.along === "row" ? at.row : at.column;
  const count = look.along === "row" ? layout.rows.length : layout.columns.length;
  const others = Array.from({ length: count }, (_, line) => groupAt(known, line));
  const mine = others[own] ?? groupAt(known, own);
  return mine.indices.length > 1 ? mine : (others.find(({ indices }) => indices.length > 1) ?? mine);
}

function groupAt(known: Known, line: number): Group {
  const { layout, look, welcome } = known;
  const count = layout.columns.length;
  const method = (row: number) => methodName(welcome, layout.rows[row] ?? "");
  const row = look.along === "row";
  const all = row
    ? layout.columns.map((_, column) => ({ row: line, column }))
    : layout.rows.map((_, one) => ({ row: one, column: line }));
  const there = all.filter((place) => layout.cells[place.row]?.[place.column]?.wish);
  return {
    title: row ? method(line) : columnName(known, line),
    indices: there.map((place) => place.row * count + place.column),
    names: there.map((place) => (row ? columnName(known, place.column) : method(place.row))),
  };
}

export class Together {
  readonly element: HTMLElement;
  #title = h("b", {});
  #along = segments({
    label: "Held together",
    quiet: true,
    value: "row",
    segments: [
      { value: "row", label: "Row", help: "The columns under one method" },
      { value: "column", label: "Column", help: "The methods of one column" },
    ],
    onChange: (along) => this.look({ along: along as Look["along"] }),
  });
  #measure = segments({
    label: "Measure",
    quiet: true,
    value: "rank",
    segments: [
      { value: "rank", label: "Ranks", help: MEASURES.rank },
      { value: "ssim", label: "SSIM", help: MEASURES.ssim },
      { value: "top", label: "Top 10 %", help: MEASURES.top },
    ],
    onChange: (measure) => this.look({ measure: measure as Look["measure"] }),
  });
  #spread = new Pane("spread");
  #spreadScale = new ScaleBar();
  #difference = new Pane("difference");
  #differenceScale = new ScaleBar();
  #differenceTitle = h("figcaption", { class: "xw-cmp-caption" });
  #matrix = h("table", { class: "xw-matrix" });
  #note = h("p", { class: "xw-note" });
  #waiting = h("p", { class: "xw-note" });
  #figures: HTMLElement;
  #parting = h("div", { class: "xw-cmp-parting" });

  constructor(private readonly look: (changes: Partial<Look>) => void) {
    const figure = (caption: HTMLElement | string, pane: Pane, scale: ScaleBar) =>
      h(
        "figure",
        { class: "xw-cmp-figure" },
        typeof caption === "string" ? h("figcaption", { class: "xw-cmp-caption" }, caption) : caption,
        pane.element,
        scale.element,
      );
    const pairs = h(
      "figure",
      { class: "xw-cmp-figure xw-cmp-pairs" },
      h("figcaption", { class: "xw-cmp-caption" }, "How far each pair agrees"),
      this.#measure.element,
      h("div", { class: "xw-cmp-matrix-box" }, this.#matrix),
      this.#note,
    );
    this.#figures = h(
      "div",
      { class: "xw-cmp-figures" },
      figure("Spread", this.#spread, this.#spreadScale),
      figure(this.#differenceTitle, this.#difference, this.#differenceScale),
      pairs,
      this.#parting,
    );
    const head = h("div", { class: "xw-cmp-together-head" }, this.#title, this.#along.element, this.#waiting);
    this.element = h("section", { class: "xw-cmp-together", "aria-label": "Agreement" }, head, this.#figures);
  }

  /** Show what is known of a group; `frame` null while its maps are worked out. */
  show(known: Known, group: Group, frame: Frame | null, cells: readonly Cell[]): void {
    this.element.hidden = hidden(known);
    if (this.element.hidden) return;
    const { look } = known;
    this.#along.set(look.along);
    this.#measure.set(look.measure);
    write(this.#title, `Agreement: ${group.title}`);
    const enough = group.indices.length > 1;
    const size: number[] | null = frame?.meta?.size ?? null;
    write(
      this.#waiting,
      !enough ? "One map agrees with itself: add another." : size ? "" : "Waits for the maps …",
    );
    this.#figures.toggleAttribute("data-empty", !enough || !size);
    this.#showSpread(frame, look);
    this.#showDifference(known, group, cells);
    showMatrix(this.#matrix, group.names, enough ? frame?.arrays[look.measure]?.data : undefined);
    const mean: number | null = frame?.meta?.means?.[look.measure] ?? null;
    const figure = mean === null ? "" : `On average ${mean.toFixed(2).replace("-", "−")}. `;
    write(this.#note, `${figure}${MEASURES[look.measure]}.`);
  }

  /** Where the other networks part from the first. */
  showParting(known: Known, frames: readonly (Frame | undefined)[]): void {
    const shown = known.look.by === "models" && !hidden(known);
    this.#parting.hidden = !shown;
    if (!shown) return;
    fill(this.#parting, [
      h("p", { class: "xw-cmp-caption" }, `Where they part from ${columnName(known, 0)}, layer by layer`),
      ...frames.map((frame, i) => frame && line(columnName(known, i), frame)),
    ]);
  }

  point(spot: Spot | null, size: readonly [number, number]): void {
    for (const pane of [this.#spread, this.#difference]) pane.cross(spot, ...size);
  }

  #showSpread(frame: Frame | null, look: Look): void {
    const tensor = frame?.arrays.spread;
    const spread = tensor ? plane(tensor) : null;
    const most = spread ? clipRange(spread, look.clip, "absolute")[1] : 0;
    const plain = { clip: look.clip, colormap: PLAIN };
    showMap(this.#spread, spread, most, plain, "absolute");
    if (spread) this.#spread.element.style.setProperty("--aspect", String(spread.width / spread.height));
    this.#spreadScale.show(spread ? most : null, { ...plain, sign: "absolute" });
    this.#spread.canvas.setAttribute("aria-label", "Standard deviation of the maps at each pixel");
  }

  #showDifference(known: Known, group: Group, cells: readonly Cell[]): void {
    const { row, column } = selectedCell(known);
    const chosen = row * known.layout.columns.length + column;
    const at = Math.max(1, group.indices.indexOf(chosen));
    const [one, other] = [cells[group.indices[0]!]?.map, cells[group.indices[at]!]?.map];
    const map = one && other && difference(one, other);
    const limit = map ? clipRange(map, known.look.clip, "both")[1] : 0;
    showMap(this.#difference, map ?? null, limit, known.look);
    if (map) this.#difference.element.style.setProperty("--aspect", String(map.width / map.height));
    this.#differenceScale.show(map ? limit : null, { ...known.look, sign: "both" });
    const names = [group.names[at], group.names[0]].map((name) => name ?? "–");
    const words = one && other && !map ? "Their maps differ in size" : `${names[0]} less ${names[1]}`;
    write(this.#differenceTitle, words);
    this.#differenceTitle.title = `${words}, each in units of its own mean size`;
    this.#difference.canvas.setAttribute("aria-label", words);
  }
}

/** One map less another, each divided by its mean size; null where their sizes differ. */
export function difference(one: Plane, other: Plane): Plane | null {
  if (one.width !== other.width || one.height !== other.height) return null;
  const [a, b] = [meanSize(one) || 1, meanSize(other) || 1];
  const data = Float32Array.from(
    other.data,
    (q, i) => (other.scale * (q - other.zero)) / b - (one.scale * (one.data[i]! - one.zero)) / a,
  );
  return { data, width: one.width, height: one.height, scale: 1, zero: 0 };
}

/** The similarity of two networks over their layers, and where it falls below a half. */
function line(name: string, { meta, arrays }: Frame): HTMLElement {
  const values = [...(arrays.similarity?.data ?? [])];
  const layers: string[] = meta?.layers ?? [];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 40");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "xw-cmp-curve");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${name}: ${meta?.why ?? ""}`);
  const x = (i: number) => (100 * i) / Math.max(1, values.length - 1);
  const points = values.map((value, i) => `${x(i)},${40 - 40 * (Number.isFinite(value) ? value : 0)}`);
  const path = document.createElementNS(SVG, "polyline");
  path.setAttribute("points", points.join(" "));
  const half = document.createElementNS(SVG, "line");
  for (const [key, value] of Object.entries({ x1: 0, x2: 100, y1: 20, y2: 20 }))
    half.setAttribute(key, String(value));
  svg.append(half, path);
  const place = meta?.at ? layers.indexOf(meta.at) : -1;
  const mark = h("i", { class: "xw-cmp-mark", hidden: place < 0 });
  mark.style.left = `${x(Math.max(0, place))}%`;
  return h(
    "div",
    { class: "xw-cmp-part" },
    h("b", {}, name),
    h("div", { class: "xw-cmp-plot", hidden: values.length === 0 }, svg, mark),
    h("span", { class: "xw-cmp-detail" }, String(meta?.why ?? "")),
  );
}
