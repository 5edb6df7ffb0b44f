/** The same image under several baselines: their maps, where they differ, how alike they rank pixels. */

import { clipRange, type Plane, plane } from "../../draw/plane";
import type { Frame, Params } from "../../live/client";
import { canonical } from "../../live/messages";
import { attribute, fill, h, write } from "../../ui/element";
import type { Evidence, Verdict } from "../../ui/evidence";
import { type IconName, icon } from "../../ui/icon";
import { percent, readable, signed } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { ScaleBar } from "../attribution/scale";
import { strongest } from "../attribution/words";
import { showMatrix } from "../compare/matrix";
import { Chips, short } from "./chips";
import { ofComparison } from "./evidence";
import { type Actions, chosen, inFull, type Known, type Tab } from "./known";
import { columnsFor, sharedLimit, showMap, showPicture, valueUnder } from "./pictures";
import { figure, follow } from "./preview";

export interface Entry {
  baseline: Params;
  done?: number;
  final?: boolean;
  blind?: number | null;
  evidence?: { line: string; worst: Verdict };
  error?: { message: string; hint: string };
}

const PLAIN = "inferno";

/** One baseline: its thumbnail and name, its map, what is to say about it. */
class Cell {
  readonly element: HTMLElement;
  readonly pane = new Pane("map");
  readonly scale = new ScaleBar();
  map: Plane | null = null;
  #thumb = new Pane("thumb");
  #label = h("span", { class: "xw-bl-label" });
  #verdict = h("span", { class: "xw-verdict" });
  #fact = h("span", { class: "xw-bl-fact" });
  #value = h("span", { class: "xw-number" });
  #error = h("p", { class: "xw-bl-error", hidden: true });
  readonly choose: HTMLButtonElement;
  readonly enlarge: HTMLButtonElement;

  constructor() {
    this.choose = h(
      "button",
      { type: "button", class: "xw-bl-name", role: "radio", "aria-checked": "false", tabindex: -1 },
      this.#thumb.element,
      this.#label,
    );
    this.enlarge = h(
      "button",
      {
        type: "button",
        class: "xw-bl-enlarge",
        title: "Enlarge (Enter)",
        "aria-label": "Enlarge",
        tabindex: -1,
      },
      icon("search"),
    );
    this.pane.element.append(this.enlarge, this.#error);
    const facts = h("div", { class: "xw-bl-cell-facts" }, this.#verdict, this.#fact, this.#value);
    this.element = h(
      "div",
      { class: "xw-bl-cell" },
      this.choose,
      this.pane.element,
      this.scale.element,
      facts,
    );
  }

  show(label: string, entry: Entry | undefined, thumb: Frame["arrays"][string] | undefined): void {
    write(this.#label, label);
    this.choose.title = label;
    showPicture(this.#thumb, thumb);
    const worst = entry?.evidence?.worst;
    attribute(this.#verdict, "data-verdict", worst ?? "");
    fill(this.#verdict, worst ? [icon(worst as IconName), h("span", { class: "xw-sr" }, worst)] : []);
    this.#verdict.title = entry?.evidence?.line ?? "";
    const blind = entry?.blind;
    write(this.#fact, typeof blind === "number" ? `${blind === 0 ? "0 %" : percent(blind)} blind` : "");
    this.#fact.title = "The share of pixels that equal this baseline and can get nothing";
    this.#error.hidden = !entry?.error;
    write(this.#error, entry?.error ? `${entry.error.message} ${entry.error.hint}` : "");
    this.element.toggleAttribute("data-refining", !!entry && !entry.final && !entry.error);
  }

  paint(limit: number, look: Known["look"]): void {
    showMap(this.pane, this.map, limit, look);
    const own = look.scale === "own";
    this.scale.element.hidden = !own;
    this.scale.show(own && this.map ? limit : null, { ...look, sign: "both" });
  }

  point(spot: Spot | null, size: readonly [number, number]): void {
    this.pane.cross(spot, ...size);
    write(this.#value, spot && this.map ? signed(valueUnder(this.map, spot, size)) : "");
  }
}

export class CompareTab implements Tab {
  readonly element: HTMLElement;
  #chips: Chips;
  #grid = h("div", { class: "xw-bl-grid", role: "radiogroup", "aria-label": "Compared baselines" });
  #cells: Cell[] = [];
  #spread = new Pane("spread");
  #spreadScale = new ScaleBar();
  #scale = new ScaleBar();
  #matrix = h("table", { class: "xw-matrix" });
  #agreement = h("p", { class: "xw-bl-note" });
  #reading = h("output", { class: "xw-reading" });
  #large: Large;
  #frame: Frame | null = null;
  #spreadMap: Plane | null = null;
  #known: Known | null = null;

  constructor(private readonly actions: Actions) {
    this.#chips = new Chips(actions);
    this.#large = new Large(() => this.actions.look({ selected: -1 }));
    const scale = h("div", { class: "xw-bl-scale-line" }, this.#reading, this.#scale.element);
    const left = h("div", { class: "xw-bl-maps" }, this.#grid, scale);
    const spread = figure("Where they differ (spread)", this.#spread, this.#spreadScale.element);
    const ranks = h(
      "figure",
      { class: "xw-bl-figure" },
      h("figcaption", { class: "xw-bl-caption" }, "How alike they rank the pixels (Spearman)"),
      h("div", { class: "xw-bl-matrix-box" }, this.#matrix),
      this.#agreement,
    );
    const both = h("div", { class: "xw-bl-two" }, left, h("div", { class: "xw-bl-aside" }, spread, ranks));
    this.element = h(
      "div",
      { class: "xw-bl-compare" },
      this.#chips.element,
      h("div", { class: "xw-bl-over" }, both, this.#large.element),
    );
    follow(this.#spread, () => this.#size, actions.point);
    this.point(null);
    this.#grid.addEventListener("keydown", (event) => this.#keydown(event));
  }

  show(known: Known): void {
    this.#known = known;
    const { welcome, values, look } = known;
    this.#chips.show(known);
    const frame = known.frames.get("compare") ?? null;
    if (frame !== this.#frame) this.#take(frame);
    const entries = this.#entries;
    this.#rebuild(entries.length);
    const own = canonical(chosen(welcome, values));
    const at = entries.findIndex(({ baseline }) => canonical(inFull(welcome, baseline)) === own);
    entries.forEach((entry, i) => {
      const { choose, pane } = this.#cells[i]!;
      this.#cells[i]!.show(short(welcome, entry.baseline), entry, frame?.arrays[`reference_${i}`]);
      choose.setAttribute("aria-checked", String(i === at));
      choose.tabIndex = i === Math.max(0, at) ? 0 : -1;
      attribute(pane.canvas, "aria-label", this.#summary(entry, this.#cells[i]!.map));
    });
    this.#paint(look);
    this.#showLarge();
  }

  point(spot: Spot | null): void {
    for (const cell of this.#cells) cell.point(spot, this.#size);
    this.#spread.cross(spot, ...this.#size);
    this.#reading.toggleAttribute("data-hint", spot === null);
    const spread = spot && this.#spreadMap ? valueUnder(this.#spreadMap, spot, this.#size) : null;
    const there = spread === null ? "" : `   spread ${readable(spread)}`;
    write(this.#reading, spot ? `x ${spot.x}  y ${spot.y}${there}` : "Point at a map to read all of them.");
  }

  key(event: KeyboardEvent): boolean {
    return this.#keydown(event);
  }

  evidence({ meta }: Frame): Evidence | null {
    return ofComparison(meta);
  }

  /** Leave the enlarged map; whether there was one. */
  escape(): boolean {
    const open = (this.#known?.look.selected ?? -1) >= 0;
    if (open) this.actions.look({ selected: -1 });
    return open;
  }

  get #size(): [number, number] {
    const shape = this.#known?.frames.get("input")?.arrays.picture?.shape;
    const map = this.#cells.find(({ map }) => map)?.map;
    return shape ? [shape[1]!, shape[0]!] : [map?.width ?? 1, map?.height ?? 1];
  }

  /** What is shown: the newest frame, or the places of what was asked. */
  get #entries(): Entry[] {
    const shown: Entry[] | undefined = this.#frame?.meta?.entries;
    return shown ?? this.#known!.look.baselines.map((baseline) => ({ baseline }));
  }

  #take(frame: Frame | null): void {
    this.#frame = frame;
    const entries: Entry[] = frame?.meta?.entries ?? [];
    this.#rebuild(entries.length || this.#cells.length);
    this.#cells.forEach((cell, i) => {
      const map = frame?.arrays[`map_${i}`];
      cell.map = map ? plane(map) : null;
    });
    this.#spreadMap = frame?.arrays.spread ? plane(frame.arrays.spread) : null;
    this.#rank(frame, entries);
  }

  #rebuild(count: number): void {
    if (count === this.#cells.length) return;
    while (this.#cells.length < count) this.#cells.push(this.#cell(this.#cells.length));
    this.#cells.length = count;
    this.#grid.style.setProperty("--columns", String(columnsFor(count)));
    fill(
      this.#grid,
      this.#cells.map(({ element }) => element),
    );
  }

  #cell(index: number): Cell {
    const cell = new Cell();
    follow(cell.pane, () => this.#size, this.actions.point);
    const choose = () => this.#choose(index);
    cell.choose.addEventListener("click", choose);
    cell.pane.canvas.addEventListener("click", choose);
    cell.enlarge.addEventListener("click", () => this.actions.look({ selected: index }));
    return cell;
  }

  #choose(index: number): void {
    const entry = this.#entries[index];
    if (entry) this.actions.select({ baseline: inFull(this.#known!.welcome, entry.baseline) });
  }

  #paint(look: Known["look"]): void {
    const maps = this.#cells.map(({ map }) => map);
    const shared = sharedLimit(maps, look.clip);
    for (const cell of this.#cells) {
      const own = cell.map ? clipRange(cell.map, look.clip, "both")[1] : 0;
      cell.paint(look.scale === "own" ? own : shared, look);
    }
    const one = look.scale === "shared" && maps.some(Boolean);
    this.#scale.show(one ? shared : null, { ...look, sign: "both" });
    const spread = this.#spreadMap;
    const most = spread ? clipRange(spread, look.clip, "absolute")[1] : 0;
    const plain = { clip: look.clip, colormap: PLAIN };
    showMap(this.#spread, spread, most, plain, "absolute");
    this.#spreadScale.show(spread ? most : null, { ...plain, sign: "absolute" });
    const words = spread ? `strongest at ${places(strongest(spread))}` : "not known yet";
    attribute(this.#spread.canvas, "aria-label", `Standard deviation over the baselines' maps, ${words}`);
  }

  #rank(frame: Frame | null, entries: readonly Entry[]): void {
    const rank = frame?.arrays.rank?.data;
    const names = entries.map(({ baseline }) => this.#name(baseline));
    showMatrix(this.#matrix, names, rank);
    const agreement = frame?.meta?.agreement;
    write(this.#agreement, typeof agreement === "number" ? agreementWords(agreement) : "");
  }

  #showLarge(): void {
    const { look } = this.#known!;
    const cell = this.#cells[look.selected];
    const entry = this.#entries[look.selected];
    const name = entry && this.#name(entry.baseline);
    if (!cell || !name) {
      this.#large.hide();
      return;
    }
    const limit =
      look.scale === "own" && cell.map
        ? clipRange(cell.map, look.clip, "both")[1]
        : sharedLimit(
            this.#cells.map(({ map }) => map),
            look.clip,
          );
    this.#large.show(name, entry.evidence?.line ?? "", cell.map, limit, look);
  }

  #name(baseline: Params): string {
    return this.#known ? short(this.#known.welcome, baseline) : "";
  }

  #summary(entry: Entry, map: Plane | null): string {
    const name = this.#name(entry.baseline);
    if (!map) return `${name}: no map yet`;
    const peak = strongest(map);
    return `${name}: strongest at ${places(peak)} with ${signed(peak.value)}. ${entry.evidence?.line ?? ""}`;
  }

  #keydown(event: KeyboardEvent): boolean {
    const count = this.#cells.length;
    const now = this.#cells.findIndex(({ choose }) => choose.tabIndex === 0);
    const moves: Record<string, number> = {
      ArrowRight: now + 1,
      ArrowDown: now + 1,
      ArrowLeft: now - 1,
      ArrowUp: now - 1,
      Home: 0,
      End: count - 1,
    };
    const next = moves[event.key];
    if (event.key === "Enter" && event.target === this.#cells[now]?.choose) {
      this.actions.look({ selected: now });
    } else if (next !== undefined && count > 0) {
      const index = (next + count) % count;
      this.#choose(index);
      if (this.#grid.contains(document.activeElement)) this.#cells[index]!.choose.focus();
    } else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }
}

/** One map as large as the tab, over the others. */
class Large {
  readonly element: HTMLElement;
  #pane = new Pane("large");
  #scale = new ScaleBar();
  #title = h("b", {});
  #line = h("span", { class: "xw-bl-fact" });
  #close = h(
    "button",
    { type: "button", class: "xw-stop", title: "Close (Esc)", "aria-label": "Close" },
    icon("close"),
  );

  constructor(close: () => void) {
    this.#close.addEventListener("click", close);
    const head = h("div", { class: "xw-bl-large-head" }, this.#title, this.#line, this.#close);
    this.element = h(
      "div",
      { class: "xw-bl-large", hidden: true },
      head,
      this.#pane.element,
      this.#scale.element,
    );
  }

  show(name: string, line: string, map: Plane | null, limit: number, look: Known["look"]): void {
    const opened = this.element.hidden;
    this.element.hidden = false;
    write(this.#title, name);
    write(this.#line, line);
    showMap(this.#pane, map, limit, look);
    attribute(this.#pane.canvas, "aria-label", `${name}, enlarged`);
    this.#scale.show(map ? limit : null, { ...look, sign: "both" });
    // Opened by Python, or in another view, it must not pull the focus here.
    const here = this.element.parentElement?.contains(document.activeElement);
    if (opened && here) this.#close.focus({ preventScroll: true });
  }

  hide(): void {
    this.element.hidden = true;
  }
}

function agreementWords(agreement: number): string {
  const figure = agreement.toFixed(2).replace("-", "−");
  const words =
    agreement > 0.8
      ? "they agree: the choice matters little here."
      : agreement > 0.4
        ? "they agree in part: the choice changes the answer."
        : "they hardly agree: the answer is a matter of the baseline.";
  return `On average ${figure}: ${words}`;
}

function places({ x, y }: { x: number; y: number }): string {
  return `x ${x}, y ${y}`;
}
