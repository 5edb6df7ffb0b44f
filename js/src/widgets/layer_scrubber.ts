/** The network as a rail to scrub along. */

import type { Family } from "../draw/families";
import { Painter } from "../draw/painter";
import { blocksOf, buildRail, familiesOf, jump, type Rail, type Stop, stopOf } from "../draw/rail";
import type { Client, Frame, PanelModel, Status } from "../live/client";
import { panel } from "../panel";
import { fill, h, listen, write } from "../ui/element";
import { retry } from "../ui/focus";
import { icon } from "../ui/icon";
import { Search } from "../ui/search";
import { Facts, type LayerInfo, shapeText } from "./scrubber/facts";
import { Playback } from "./scrubber/playback";
import { Strip } from "./scrubber/strip";
import "../ui/theme.css";
import "./layer_scrubber.css";

/** From so many layers on, blocks are folded unless somebody unfolds them. */
const FOLD_ABOVE = 80;
const FAMILY_NAMES: Record<Family, string> = {
  conv: "convolution",
  norm: "normalisation",
  activation: "activation",
  pool: "pooling",
  attention: "attention",
  linear: "linear",
  other: "other",
};

export class LayerScrubber {
  readonly root: HTMLElement;
  #all: LayerInfo[] = [];
  #layers: LayerInfo[] = [];
  #blocks: (string | null)[] = [];
  #folded = new Set<string>();
  #rail: Rail = { stops: [], blocks: [], stages: [] };
  #search = new Search([]);
  #matches: number[] | null = null;
  #painter: Painter;
  #strip: Strip;
  #facts = new Facts();
  #cleanups: (() => void)[] = [];

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
  #legend = h("ul", { class: "xw-ls-legend", "aria-label": "Colours of the bars" });
  #note = h("div", { class: "xw-ls-note", role: "status", hidden: true });

  constructor(
    private readonly client: Client,
    private readonly model: PanelModel,
    private readonly playback: Playback,
  ) {
    this.#strip = new Strip({
      pressed: () => playback.toggle(false),
      chose: (stop) => this.#choose(stop),
      moved: (steps) => this.#choose(this.#stop() + steps),
      folded: (block) => this.#fold(undefined, block),
    });
    this.#strip.element.append(this.#note);
    this.root = this.#frame();
    Object.assign(this.root.dataset, { phase: "idle", layers: "0", layer: "", matches: "" });
    this.#painter = new Painter(this.root, () => this.#paint(), this.#strip.track);
    this.#listen();
    this.#connect();
    playback.views.push(this);
    this.#painter.invalidate();
  }

  dispose(): void {
    for (const cleanup of this.#cleanups) cleanup();
    this.playback.views.splice(this.playback.views.indexOf(this), 1);
    this.#strip.dispose();
    this.#painter.dispose();
    this.root.remove();
  }

  advance(): boolean {
    const last = this.#rail.stops.length - 1;
    if (this.#stop() < last) this.#choose(this.#stop() + 1);
    return this.#stop() < last;
  }

  #frame(): HTMLElement {
    const { title, line } = this.#facts;
    const search = h("label", { class: "xw-ls-search" }, icon("search"), this.#query, this.#found);
    const above = h("span", { title: "Above the line: the side of the maps" }, "size");
    const below = h("span", { title: "Below the line: the number of channels" }, "channels");
    return h(
      "section",
      {
        class: "xw-root xw-layer-scrubber",
        tabindex: -1,
        "aria-label": "Layers of the network",
      },
      h("header", { class: "xw-ls-head" }, this.#play, title, search, line),
      h(
        "div",
        { class: "xw-ls-rail" },
        h("div", { class: "xw-ls-axis", "aria-hidden": "true" }, above, below),
        this.#strip.element,
      ),
      h("footer", { class: "xw-ls-foot" }, this.#legend, this.#foldAll),
    );
  }

  // -- what arrives -----------------------------------------------------------------------------------

  #connect(): void {
    const { client, model } = this;
    const layers = client.feed("layers");
    const query = () => this.#find(String(model.get("query") ?? ""));
    const playing = () => this.#showPlaying();
    model.on("change:query", query);
    model.on("change:playing", playing);
    this.#cleanups.push(
      layers.onFrame((frame) => this.#arrived(frame)),
      layers.onStatus((status) => this.#status(status)),
      client.onWelcome(() => this.#wish()),
      client.onSelect((_, changed) => {
        if (changed.has("image")) this.#wish();
        if (changed.has("layer")) this.#selected();
      }),
      () => model.off("change:query", query),
      () => model.off("change:playing", playing),
    );
    query();
    playing();
    this.#status(layers.status);
  }

  #wish(): void {
    const { client } = this;
    const layers = client.feed("layers");
    const { image } = client.values;
    if (client.welcome === null) return;
    if (client.welcome.images.length > 0) {
      layers.request({ image });
      // A second view of the model asks for what the first one has: the feed says nothing twice.
      const known = layers.peek({ image });
      if (known) this.#arrived(known);
    }
    this.#status(layers.status);
  }

  #arrived(frame: Frame): void {
    const all = (frame.meta?.layers ?? []) as LayerInfo[];
    if (frame.params.image !== this.client.values.image || same(all, this.#all)) return;
    const network = all.map(({ name }) => name).join();
    const folds = network === this.#all.map(({ name }) => name).join() ? this.#folded : null;
    this.#all = all;
    this.#layers = all.filter((layer) => layer.view !== "none" && !layer.same_as);
    const names = this.#layers.map((layer) => layer.name);
    this.#blocks = blocksOf(names);
    const foldable = this.#blocks.filter((block) => block !== null);
    this.#folded = folds ?? new Set(names.length > FOLD_ABOVE ? foldable : []);
    this.#search = new Search(this.#layers.map(({ name, kind }) => `${name} ${kind}`));
    this.root.dataset.layers = String(names.length);
    this.#fillLegend();
    this.#find(this.#query.value);
    this.#rebuild();
    this.#selected();
  }

  #status(status: Status): void {
    const { welcome } = this.client;
    const none = this.#layers.length === 0;
    this.root.dataset.phase = status.phase;
    this.root.setAttribute("aria-busy", String(status.phase === "waiting"));
    if (status.phase === "error")
      this.#say(status.failure?.message ?? "The layers could not be read.", status.failure?.hint);
    else if (status.phase === "stale")
      this.#say(status.failure?.message ?? `${status.note}.`, status.failure?.hint);
    else if (!none) this.#say("");
    else if (welcome === null) this.#say("Waiting for the kernel …");
    else if (welcome.images.length === 0) this.#say("Add an image to see the layers.");
    else if (status.phase === "done") this.#say("This model has no layer that can be shown as a picture.");
    else this.#say("Reading the network …");
  }

  #say(message: string, hint = ""): void {
    const covering = this.#layers.length === 0 && message !== "";
    const failed = this.root.dataset.phase === "error";
    this.root.dataset.covered = String(covering);
    this.#note.hidden = message === "";
    this.#note.dataset.kind = covering ? "cover" : "line";
    this.#note.dataset.error = String(failed);
    const again = failed && retry(() => this.client.feed("layers").again());
    fill(this.#note, [message && h("strong", {}, message), hint && h("span", {}, hint), again]);
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
    this.#cleanups.push(
      listen(root, "keydown", (event) => this.#key(event)),
      listen(this.#play, "click", () => this.#togglePlay()),
      listen(this.#foldAll, "click", () => this.#toggleAll()),
      listen(this.#query, "input", () => this.#typed()),
      listen(this.#query, "keydown", (event) => this.#queryKey(event)),
    );
  }

  #key(event: KeyboardEvent): void {
    if (event.target === this.#query || event.ctrlKey || event.metaKey || event.altKey) return;
    const onButton =
      event.target instanceof HTMLButtonElement && (event.key === " " || event.key === "Enter");
    const action = onButton ? undefined : this.#action(event.key);
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  #action(key: string): (() => void) | undefined {
    if (key === "Escape" && !this.model.get("playing")) return undefined;
    const stop = this.#stop();
    const to = (place: number) => () => this.#choose(place);
    const actions: Record<string, () => void> = {
      ArrowRight: to(stop + 1),
      ArrowUp: to(stop + 1),
      ArrowLeft: to(stop - 1),
      ArrowDown: to(stop - 1),
      Home: to(0),
      End: to(this.#rail.stops.length - 1),
      PageUp: to(jump(this.#rail, stop, 1)),
      PageDown: to(jump(this.#rail, stop, -1)),
      "+": () => this.#fold(false),
      "=": () => this.#fold(false),
      "-": () => this.#fold(true),
      Enter: () => this.#fold(),
      " ": () => this.#togglePlay(),
      Escape: () => this.playback.toggle(false),
      "/": () => this.#query.focus(),
    };
    return actions[key];
  }

  #choose(stop: number): void {
    const { stops } = this.#rail;
    const chosen = stops[Math.min(stops.length - 1, Math.max(0, stop))];
    if (chosen) this.client.select({ layer: this.#layers[chosen.layer]!.name });
  }

  /** Playing from the last stop starts over. */
  #togglePlay(): void {
    const starting = !this.model.get("playing");
    if (starting && this.#stop() >= this.#rail.stops.length - 1) this.#choose(0);
    this.playback.toggle(starting);
  }

  #fold(on?: boolean, block = this.#blocks[this.#index()] ?? null): void {
    if (block === null || !this.#rail.blocks.some(({ path }) => path === block)) return;
    if (on ?? !this.#folded.has(block)) this.#folded.add(block);
    else this.#folded.delete(block);
    this.#folds();
  }

  #toggleAll(): void {
    this.#folded = this.#folded.size > 0 ? new Set() : new Set(this.#rail.blocks.map(({ path }) => path));
    this.#folds();
  }

  /** A layer that is folded away gives its place to the one that the block stands for, its last. */
  #folds(): void {
    const block = this.#blocks[this.#index()] ?? null;
    if (block !== null && this.#folded.has(block)) {
      const last = this.#layers[this.#blocks.lastIndexOf(block)]!;
      this.client.select({ layer: last.name });
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
      this.#strip.track.focus();
    }
    if (event.key !== "Enter" || !this.#matches?.length) return;
    event.preventDefault();
    this.client.select({ layer: this.#layers[this.#next(this.#matches, event.shiftKey)]!.name });
  }

  /** The best match first; from a match on to the next along the rail, or back. */
  #next(matches: readonly number[], back: boolean): number {
    const here = this.#index();
    if (!matches.includes(here)) return matches[0]!;
    const along = [...matches].sort((a, b) => a - b);
    if (back) return along.filter((i) => i < here).at(-1) ?? along.at(-1)!;
    return along.find((i) => i > here) ?? along[0]!;
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
    const wanted = this.#all.find(({ name }) => name === layer)?.same_as ?? layer;
    return this.#layers.findIndex(({ name }) => name === wanted);
  }

  #stop(): number {
    return stopOf(this.#rail, this.#index());
  }

  #rebuild(): void {
    const names = this.#layers.map((layer) => layer.name);
    this.#rail = buildRail(names, this.#blocks, this.#folded);
    this.#strip.set(this.#layers, this.#rail);
    this.#foldAll.hidden = this.#rail.blocks.length === 0;
    write(this.#foldAll, this.#folded.size > 0 ? "Unfold all" : "Fold all");
    this.#painter.invalidate();
  }

  #paint(): void {
    const begun = performance.now();
    this.#strip.paint(this.#lit());
    this.#show();
    this.root.dataset.ms = (performance.now() - begun).toFixed(1);
  }

  #lit(): (stop: Stop) => boolean {
    const found = this.#matches;
    if (found === null) return () => true;
    return ({ first, last }) => found.some((index) => index >= first && index <= last);
  }

  #show(): void {
    const index = this.#index();
    const { layer: selected } = this.client.values;
    const count = this.#layers.length;
    const layer = this.#layers[index] ?? this.#all.find(({ name }) => name === selected);
    this.root.dataset.layer = selected ?? "";
    this.#facts.show(selected, layer, index < 0 ? "" : `${index + 1} / ${count}`, count > 0);
    const words =
      layer && `${layer.name}, ${layer.kind}, ${shapeText(layer.shape)}, ${index + 1} of ${count}`;
    this.#strip.mark(this.#stop(), words ?? "none");
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
    const words = playing ? "Pause" : "Play through the layers";
    this.#play.dataset.playing = String(playing);
    this.#play.setAttribute("aria-label", words);
    this.#play.title = `${words} (Space)`;
    this.#play.setAttribute("aria-pressed", String(playing));
  }
}

function same(a: readonly LayerInfo[], b: readonly LayerInfo[]): boolean {
  const key = (layer: LayerInfo) => `${layer.name} ${shapeText(layer.shape)}`;
  return a.length === b.length && a.every((layer, i) => key(layer) === key(b[i]!));
}

export default panel(
  (model) => new Playback(model),
  (client, model, el, playback) => {
    const view = new LayerScrubber(client, model, playback);
    el.append(view.root);
    return view;
  },
);
