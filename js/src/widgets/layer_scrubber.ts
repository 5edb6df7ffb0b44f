/** The network as a rail to scrub along. */

import { type Family, family } from "../draw/families";
import { Painter } from "../draw/painter";
import {
  barPaths,
  blocksOf,
  buildRail,
  familiesOf,
  fitLabels,
  type Group,
  jump,
  placeStops,
  type Rail,
  shortLabel,
  stopAt,
  stopOf,
} from "../draw/rail";
import { Client, type Frame, type PanelModel, type Status } from "../live/client";
import { fill, h, listen, write } from "../ui/element";
import { icon } from "../ui/icon";
import { readable } from "../ui/number";
import { Search } from "../ui/search";
import "../ui/theme.css";
import "./layer_scrubber.css";

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

const FOLD_ABOVE = 60;
const UP = 56;
const DOWN = 26;
const WHEEL_STEP = 40;
/** Width of a letter of the labels, in pixels. */
const LETTER = 6.2;
const SVG = "http://www.w3.org/2000/svg";
const FAMILY_NAMES: Record<Family, string> = {
  conv: "convolution",
  norm: "normalisation",
  activation: "activation",
  pool: "pooling",
  attention: "attention",
  linear: "linear",
  other: "other",
};

export function shapeText(shape: readonly number[]): string {
  return shape.join(" × ");
}

/** A count in three digits: 36.9 k. */
export function countText(count: number): string {
  if (count < 1000) return String(count);
  const [size, unit] = count < 1e6 ? [1e3, "k"] : count < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return `${Number((count / size).toPrecision(3))} ${unit}`;
}

/** Steps through the layers while `playing` is set: one clock a model, however many views it has. */
class Playback {
  readonly views: LayerScrubber[] = [];
  #clock: ReturnType<typeof setInterval> | null = null;
  readonly #changed = () => this.#follow();

  constructor(private readonly model: PanelModel) {
    model.on("change:playing", this.#changed);
    this.#follow();
  }

  toggle(on = !this.model.get("playing")): void {
    if (on === !!this.model.get("playing")) return;
    this.model.set("playing", on);
    this.model.save_changes();
  }

  dispose(): void {
    this.model.off("change:playing", this.#changed);
    this.#stop();
  }

  #follow(): void {
    const playing = !!this.model.get("playing");
    if (playing && this.#clock === null) {
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.#clock = setInterval(() => this.#tick(), calm ? 1200 : 320);
    } else if (!playing) this.#stop();
  }

  #tick(): void {
    if (this.views[0] && !this.views[0].advance()) this.toggle(false);
  }

  #stop(): void {
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#clock = null;
  }
}

export class LayerScrubber {
  readonly root: HTMLElement;
  #all: LayerInfo[] = [];
  #layers: LayerInfo[] = [];
  #blocks: (string | null)[] = [];
  #folded = new Set<string>();
  #rail: Rail = { stops: [], blocks: [], stages: [] };
  #ends: Float64Array = new Float64Array(0);
  #search = new Search([]);
  #matches: number[] | null = null;
  #wheel = 0;
  #pressed = false;
  #hovered = -1;
  #painter: Painter;
  #cleanups: (() => void)[] = [];

  #name = h("bdi", { dir: "ltr" });
  #nameBox = h("div", { class: "xw-ls-name" }, this.#name);
  #place = h("span", { class: "xw-ls-place" });
  #facts = h("div", { class: "xw-ls-facts" });
  #play = h("button", { type: "button", class: "xw-ls-play" });
  #foldAll = h("button", { type: "button", class: "xw-ls-button" });
  #query = h("input", {
    type: "search",
    class: "xw-ls-query",
    placeholder: "Find a layer",
    "aria-label": "Find a layer by name or kind",
    autocomplete: "off",
    spellcheck: "false",
  });
  #found = h("span", { class: "xw-ls-found", role: "status" });
  #svg = document.createElementNS(SVG, "svg");
  #head = h("div", { class: "xw-ls-playhead" });
  #ghost = h("div", { class: "xw-ls-ghost" });
  #tip = h("div", { class: "xw-ls-tip" });
  #track = h("div", {
    class: "xw-ls-track",
    role: "slider",
    tabindex: 0,
    "aria-label": "Layer",
    "aria-orientation": "horizontal",
    "data-lm-suppress-shortcuts": "true",
  });
  #blockRow = h("div", { class: "xw-ls-blocks" });
  #stageRow = h("div", { class: "xw-ls-stages", "aria-hidden": "true" });
  #legend = h("ul", { class: "xw-ls-legend", "aria-label": "Colours of the bars" });
  #note = h("div", { class: "xw-ls-note", role: "status", hidden: true });

  constructor(
    private readonly client: Client,
    private readonly model: PanelModel,
    private readonly playback: Playback,
  ) {
    this.#svg.setAttribute("aria-hidden", "true");
    this.#track.append(this.#ghost, this.#head, this.#svg, this.#tip);
    this.root = h(
      "section",
      {
        class: "xw-root xw-layer-scrubber",
        tabindex: 0,
        "aria-label": "Layers of the network",
        "data-lm-suppress-shortcuts": "true",
        "data-phase": "idle",
        "data-layers": 0,
        "data-layer": "",
      },
      h(
        "header",
        { class: "xw-ls-head" },
        this.#play,
        h("div", { class: "xw-ls-title" }, this.#nameBox, this.#place),
        this.#tools(),
        this.#facts,
      ),
      h(
        "div",
        { class: "xw-ls-rail" },
        this.#axis(),
        h("div", { class: "xw-ls-body" }, this.#track, this.#blockRow, this.#stageRow, this.#note),
      ),
      h("footer", { class: "xw-ls-foot" }, this.#legend, this.#foldAll),
    );
    this.#painter = new Painter(this.root, () => this.#paint());
    this.#listen();
    this.#connect();
    playback.views.push(this);
    this.#painter.invalidate();
  }

  dispose(): void {
    for (const cleanup of this.#cleanups) cleanup();
    this.playback.views.splice(this.playback.views.indexOf(this), 1);
    this.#painter.dispose();
    this.root.remove();
  }

  /** One stop further; false at the end. Playing from the last stop starts over. */
  advance(): boolean {
    const stop = this.#stop();
    if (stop >= this.#rail.stops.length - 1) return false;
    this.#choose(stop + 1);
    return this.#stop() < this.#rail.stops.length - 1;
  }

  #axis(): HTMLElement {
    return h(
      "div",
      { class: "xw-ls-axis", "aria-hidden": "true" },
      h("span", { title: "Above the line: the side of the maps" }, "size"),
      h("span", { title: "Below the line: the number of channels" }, "channels"),
    );
  }

  #tools(): HTMLElement {
    const box = h("label", { class: "xw-ls-search" }, icon("search"), this.#query, this.#found);
    return h("div", { class: "xw-ls-tools" }, box);
  }

  // -- what arrives -----------------------------------------------------------------------------------

  #connect(): void {
    const { client, model } = this;
    const layers = client.feed("layers");
    const ask = () => {
      if (client.welcome === null) return;
      const { image } = client.values;
      if (client.welcome.images.length === 0) return this.#say("Add an image to see the layers.");
      layers.request({ image });
      const known = layers.peek({ image });
      if (known) this.#arrived(known);
      this.#status(layers.status);
    };
    const traits = () => this.#find(String(model.get("query") ?? ""));
    const playing = () => this.#showPlaying();
    model.on("change:query", traits);
    model.on("change:playing", playing);
    this.#cleanups.push(
      layers.onFrame((frame) => this.#arrived(frame)),
      layers.onStatus((status) => this.#status(status)),
      client.onWelcome(ask),
      client.onSelect((_, changed) => {
        if (changed.has("image")) ask();
        if (changed.has("layer")) this.#selected();
      }),
      () => model.off("change:query", traits),
      () => model.off("change:playing", playing),
    );
    traits();
    this.#showPlaying();
    this.#status(layers.status);
  }

  #arrived(frame: Frame): void {
    const all = (frame.meta?.layers ?? []) as LayerInfo[];
    if (sameLayers(all, this.#all)) return;
    this.#all = all;
    this.#layers = all.filter((layer) => layer.view !== "none" && !layer.same_as);
    const names = this.#layers.map((layer) => layer.name);
    this.#blocks = blocksOf(names);
    this.#folded = new Set(names.length > FOLD_ABOVE ? this.#blocks.filter((block) => block !== null) : []);
    this.#search = new Search(this.#layers.map(({ name, kind }) => `${name} ${kind}`));
    this.root.dataset.layers = String(names.length);
    this.#fillLegend();
    this.#find(String(this.model.get("query") ?? ""));
    this.#rebuild();
  }

  #status(status: Status): void {
    const none = status.phase === "done" && this.#layers.length === 0;
    this.root.dataset.phase = status.phase;
    this.root.setAttribute("aria-busy", String(status.phase === "waiting"));
    if (status.phase === "error")
      this.#say(status.failure?.message ?? "The layers could not be read.", status.failure?.hint);
    else if (none) this.#say("This model has no layer that can be shown as a picture.");
    else if (status.phase === "stale")
      this.#say(this.#layers.length ? "" : "The kernel does not answer.", status.note ?? "");
    else if (this.#layers.length === 0 && this.client.welcome === null) this.#say("Waiting for the kernel …");
    else if (this.#layers.length === 0) this.#say("Reading the network …");
    else this.#say("");
  }

  #say(message: string, hint = ""): void {
    const covering = this.#layers.length === 0 && message !== "";
    this.#note.hidden = message === "" && hint === "";
    this.root.dataset.covered = String(covering);
    this.#note.dataset.kind = covering ? "cover" : "line";
    this.#note.dataset.error = String(this.root.dataset.phase === "error");
    fill(this.#note, [message && h("strong", {}, message), hint && h("span", {}, hint)]);
  }

  #selected(): void {
    const index = this.#index();
    const stop = this.#rail.stops[stopOf(this.#rail, index)];
    if (stop && stop.layer !== index && stop.block !== null) {
      this.#folded.delete(stop.block);
      this.#rebuild();
    }
    if (!this.#painter.visible) {
      this.#painter.invalidate();
      return;
    }
    this.#painter.flush();
    this.#show();
  }

  // -- what the person does ---------------------------------------------------------------------------

  #listen(): void {
    const { root } = this;
    const track = this.#track;
    this.#cleanups.push(
      listen(root, "focus", () => track.focus()),
      // While something inside has the focus the root is no stop, or Shift+Tab would never leave it.
      listen(root, "focusin", () => root.setAttribute("tabindex", "-1")),
      listen(root, "focusout", () => root.setAttribute("tabindex", "0")),
      listen(root, "keydown", (event) => this.#key(event)),
      listen(track, "pointerdown", (event) => this.#press(event)),
      listen(track, "pointermove", (event) => this.#point(event)),
      listen(track, "pointerup", () => this.#release()),
      listen(track, "pointercancel", () => this.#release()),
      listen(track, "pointerleave", () => this.#hover(-1)),
      listen(track, "wheel", (event) => this.#roll(event), { passive: false }),
      listen(this.#play, "click", () => this.#togglePlay()),
      listen(this.#foldAll, "click", () => this.#toggleAll()),
      listen(this.#query, "input", () => this.#typed()),
      listen(this.#query, "keydown", (event) => this.#queryKey(event)),
    );
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#pressed = true;
    this.#track.setPointerCapture?.(event.pointerId);
    this.#track.focus({ preventScroll: true });
    this.playback.toggle(false);
    this.#point(event);
    event.preventDefault();
  }

  #point(event: PointerEvent): void {
    const stop = stopAt(this.#ends, event.clientX - this.#track.getBoundingClientRect().left);
    if (this.#pressed) this.#choose(stop);
    this.#hover(this.#pressed ? -1 : stop);
  }

  #release(): void {
    this.#pressed = false;
  }

  /** Sideways always scrubs; up and down only with the focus here, or the page could not be scrolled past. */
  #roll(event: WheelEvent): void {
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!sideways && !this.root.contains(this.root.ownerDocument.activeElement)) return;
    event.preventDefault();
    this.#wheel += (sideways ? event.deltaX : event.deltaY) * (event.deltaMode === 1 ? WHEEL_STEP : 1);
    const steps = Math.trunc(this.#wheel / WHEEL_STEP);
    if (steps === 0) return;
    this.#wheel -= steps * WHEEL_STEP;
    this.#choose(this.#stop() + steps);
  }

  #key(event: KeyboardEvent): void {
    const stop = this.#stop();
    if (event.target === this.#query || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#rail.stops.length - 1;
    const onButton = event.target instanceof HTMLButtonElement;
    const actions: Record<string, () => void> = {
      ArrowRight: () => this.#choose(stop + 1),
      ArrowUp: () => this.#choose(stop + 1),
      ArrowLeft: () => this.#choose(stop - 1),
      ArrowDown: () => this.#choose(stop - 1),
      Home: () => this.#choose(0),
      End: () => this.#choose(last),
      PageUp: () => this.#choose(jump(this.#rail, stop, 1)),
      PageDown: () => this.#choose(jump(this.#rail, stop, -1)),
      "+": () => this.#fold(false),
      "=": () => this.#fold(false),
      "-": () => this.#fold(true),
      Escape: () => this.playback.toggle(false),
      "/": () => this.#query.focus(),
    };
    if (!onButton) {
      actions[" "] = () => this.#togglePlay();
      actions.Enter = () => this.#fold();
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #choose(stop: number): void {
    const { stops } = this.#rail;
    const chosen = stops[Math.min(stops.length - 1, Math.max(0, stop))];
    if (chosen) this.client.select({ layer: this.#layers[chosen.layer]!.name });
  }

  #togglePlay(): void {
    const starting = !this.model.get("playing");
    if (starting && this.#stop() >= this.#rail.stops.length - 1) this.#choose(0);
    this.playback.toggle(starting);
  }

  #fold(on?: boolean, block = this.#blocks[this.#index()] ?? null): void {
    if (block === null || !this.#rail.blocks.some(({ path }) => path === block)) return;
    const folding = on ?? !this.#folded.has(block);
    if (folding) this.#folded.add(block);
    else this.#folded.delete(block);
    if (folding && this.#blocks[this.#index()] === block) {
      // The layer that a folded block stands for is its last one.
      this.client.select({ layer: this.#layers[this.#blocks.lastIndexOf(block)]!.name });
    }
    this.#rebuild();
  }

  #toggleAll(): void {
    const all = new Set(this.#rail.blocks.map(({ path }) => path));
    const block = this.#blocks[this.#index()] ?? null;
    this.#folded = this.#folded.size > 0 ? new Set() : all;
    if (block !== null && this.#folded.has(block)) {
      this.client.select({ layer: this.#layers[this.#blocks.lastIndexOf(block)]!.name });
    }
    this.#rebuild();
  }

  #typed(): void {
    this.model.set("query", this.#query.value);
    this.model.save_changes();
    this.#find(this.#query.value);
  }

  #queryKey(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.preventDefault();
      this.#query.value = "";
      this.#typed();
      this.#track.focus();
    }
    if (event.key !== "Enter" || !this.#matches?.length) return;
    event.preventDefault();
    const here = this.#matches.includes(this.#index()) ? this.#index() : -1;
    const inOrder = [...this.#matches].sort((a, b) => a - b);
    const next = event.shiftKey
      ? (inOrder.filter((i) => i < here).at(-1) ?? inOrder.at(-1))
      : (inOrder.find((i) => i > here) ?? inOrder[0]);
    const wanted = here < 0 ? this.#matches[0] : next;
    this.client.select({ layer: this.#layers[wanted!]!.name });
  }

  #find(query: string): void {
    if (this.#query.value !== query) this.#query.value = query;
    const found = query.trim() === "" ? null : this.#search.find(query).map(({ index }) => index);
    this.#matches = found;
    write(this.#found, found === null ? "" : `${found.length} of ${this.#layers.length}`);
    this.root.dataset.matches = found === null ? "" : String(found.length);
    this.#painter.invalidate();
  }

  // -- what is shown ----------------------------------------------------------------------------------

  /** The selected layer's place among the viewable ones; a layer that passes on another's values is that one. */
  #index(): number {
    const { layer } = this.client.values;
    const passed = this.#all.find(({ name }) => name === layer)?.same_as;
    const wanted = passed ?? layer;
    return this.#layers.findIndex(({ name }) => name === wanted);
  }

  #stop(): number {
    return stopOf(this.#rail, this.#index());
  }

  #rebuild(): void {
    this.#rail = buildRail(
      this.#layers.map((layer) => layer.name),
      this.#blocks,
      this.#folded,
    );
    const { blocks } = this.#rail;
    this.#foldAll.hidden = blocks.length === 0;
    write(this.#foldAll, this.#folded.size > 0 ? "Unfold all" : "Fold all");
    this.#hovered = -1;
    this.#ends = placeStops(this.#rail, this.#track.clientWidth);
    this.#painter.invalidate();
  }

  #paint(): void {
    const begun = performance.now();
    const width = this.#track.clientWidth;
    this.#ends = placeStops(this.#rail, width);
    const lit = this.#lit();
    this.#svg.setAttribute("width", String(width));
    this.#svg.setAttribute("height", String(UP + DOWN + 2));
    const bars = barPaths(this.#layers, this.#rail, this.#ends, { up: UP, down: DOWN, gap: 1.5 }, lit);
    this.#svg.replaceChildren(
      ...bars.flatMap(({ family: name, dim, space, channels }) => [
        path(`xw-ls-bar xw-${name}`, space, dim),
        path(`xw-ls-bar xw-ls-under xw-${name}`, channels, dim),
      ]),
    );
    this.#paintGroups();
    this.#show();
    this.root.dataset.ms = (performance.now() - begun).toFixed(1);
  }

  #lit(): (stop: { first: number; last: number }) => boolean {
    if (this.#matches === null) return () => true;
    const found = new Set(this.#matches);
    return ({ first, last }) => {
      for (let i = first; i <= last; i++) if (found.has(i)) return true;
      return false;
    };
  }

  #paintGroups(): void {
    const { blocks, stages } = this.#rail;
    const widthOf = ({ first, last }: Group) => this.#ends[2 * last + 1]! - this.#ends[2 * first]!;
    const letters = (group: Group) => Math.floor((widthOf(group) - 2) / LETTER);
    const place = (element: HTMLElement, group: Group) => {
      element.style.left = `${this.#ends[2 * group.first]!}px`;
      element.style.width = `${Math.max(3, widthOf(group))}px`;
      return element;
    };
    const texts = blocks.map((group) => shortLabel(group.label, letters(group)));
    const names = fitLabels(
      stages.map(({ path: name }) => name),
      stages.map(letters),
    );
    this.#blockRow.replaceChildren(
      ...blocks.map((group, i) => place(this.#blockButton(group, texts[i]!), group)),
    );
    this.#stageRow.replaceChildren(
      ...stages.map((group, i) =>
        place(h("span", { class: "xw-ls-stage", title: group.path }, names[i]), group),
      ),
    );
    this.#blockRow.dataset.bare = String(texts.every((text) => text === ""));
    this.#blockRow.hidden = blocks.length === 0;
    this.#stageRow.hidden = stages.length === 0;
  }

  #blockButton(group: Group, text: string): HTMLElement {
    const title = `${group.path}: ${group.layers} layers, ${group.folded ? "unfold" : "fold"}`;
    const expanded = String(!group.folded);
    const attributes = { type: "button", class: "xw-ls-block", tabindex: -1, title, "aria-label": title };
    const button = h("button", { ...attributes, "aria-expanded": expanded }, text);
    button.addEventListener("click", () => this.#fold(undefined, group.path));
    return button;
  }

  #show(): void {
    const index = this.#index();
    const { layer: selected } = this.client.values;
    const layer = this.#layers[index] ?? this.#all.find(({ name }) => name === selected);
    this.root.dataset.layer = selected ?? "";
    write(this.#name, selected ?? (this.#layers.length > 0 ? "No layer chosen" : "—"));
    this.#nameBox.title = selected ?? "";
    this.#nameBox.dataset.empty = String(selected === null);
    this.#fillFacts(layer);
    write(this.#place, index >= 0 ? `${index + 1} / ${this.#layers.length}` : "");
    const stop = this.#stop();
    this.#head.hidden = stop < 0;
    if (stop >= 0) span(this.#head, this.#ends, stop);
    const { stops } = this.#rail;
    const track = this.#track;
    track.setAttribute("aria-valuemin", "1");
    track.setAttribute("aria-valuemax", String(Math.max(1, stops.length)));
    track.setAttribute("aria-valuenow", String(Math.max(1, stop + 1)));
    const words = layer
      ? `${layer.name}, ${layer.kind}, ${shapeText(layer.shape)}, ${index + 1} of ${this.#layers.length}`
      : "none";
    track.setAttribute("aria-valuetext", words);
  }

  #fillFacts(layer: LayerInfo | undefined): void {
    if (!layer) {
      const hint = this.#layers.length > 0 && "Drag along the rail, or use the arrow keys.";
      fill(this.#facts, [hint]);
      return;
    }
    const fact = (value: string, label: string, title = "") =>
      h("span", { class: "xw-ls-fact", title: title || null }, h("b", {}, value), label && ` ${label}`);
    const field = layer.receptive_field;
    fill(this.#facts, [
      h("span", { class: "xw-ls-kind" }, h("i", { class: `xw-ls-dot xw-${family(layer.kind)}` }), layer.kind),
      h(
        "span",
        { class: "xw-ls-shape", title: "channels × height × width, without the batch" },
        shapeText(layer.shape),
      ),
      fact(
        countText(layer.parameters),
        layer.parameters === 1 ? "parameter" : "parameters",
        readable(layer.parameters),
      ),
      fact(String(layer.depth), "deep", "Nesting of the module"),
      fact(
        field === null ? "whole image" : `${field} px`,
        "seen",
        "Receptive field: what one position can depend on",
      ),
    ]);
  }

  #fillLegend(): void {
    const entries = familiesOf(this.#layers).map((name) =>
      h("li", {}, h("i", { class: `xw-ls-dot xw-${name}` }), FAMILY_NAMES[name]),
    );
    const folds = this.#blocks.some((block) => block !== null);
    fill(this.#legend, [...entries, folds && h("li", {}, h("i", { class: "xw-ls-pile" }), "folded block")]);
  }

  #showPlaying(): void {
    const playing = !!this.model.get("playing");
    this.#play.dataset.playing = String(playing);
    this.#play.setAttribute("aria-label", playing ? "Pause" : "Play through the layers");
    this.#play.title = playing ? "Pause (Space)" : "Play through the layers (Space)";
    this.#play.setAttribute("aria-pressed", String(playing));
  }

  #hover(stop: number): void {
    if (stop === this.#hovered) return;
    this.#hovered = stop;
    const found = this.#rail.stops[stop];
    this.#ghost.hidden = this.#tip.hidden = !found;
    if (!found) return;
    const layer = this.#layers[found.layer]!;
    span(this.#ghost, this.#ends, stop);
    const folded = found.last > found.first ? `${found.last - found.first + 1} layers to ` : "";
    fill(this.#tip, [folded, h("b", {}, layer.name), ` ${layer.kind} ${shapeText(layer.shape)}`]);
    const middle = (this.#ends[2 * stop]! + this.#ends[2 * stop + 1]!) / 2;
    const room = this.#track.clientWidth - this.#tip.offsetWidth;
    this.#tip.style.left = `${Math.max(0, Math.min(room, middle - this.#tip.offsetWidth / 2))}px`;
  }
}

function span(element: HTMLElement, ends: Float64Array, stop: number): void {
  element.style.left = `${ends[2 * stop]!}px`;
  element.style.width = `${ends[2 * stop + 1]! - ends[2 * stop]!}px`;
}

function path(classes: string, d: string, dim: boolean): SVGPathElement {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", dim ? `${classes} xw-ls-dim` : classes);
  element.setAttribute("d", d);
  return element;
}

function sameLayers(a: readonly LayerInfo[], b: readonly LayerInfo[]): boolean {
  return (
    a.length === b.length &&
    a.every((layer, i) => layer.name === b[i]!.name && shapeText(layer.shape) === shapeText(b[i]!.shape))
  );
}

export default () => {
  let client: Client;
  let playback: Playback;
  return {
    initialize({ model }: { model: PanelModel }) {
      client = Client.connect(model);
      playback = new Playback(model);
      return () => {
        playback.dispose();
        client.dispose();
      };
    },
    render({ model, el }: { model: PanelModel; el: HTMLElement }) {
      const view = new LayerScrubber(client, model, playback);
      el.append(view.root);
      return () => view.dispose();
    },
  };
};
