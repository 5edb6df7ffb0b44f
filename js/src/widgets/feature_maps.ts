/** All channels of a layer: a grid of maps, one large beside it, and where its spots lie on the image. */

import { Painter } from "../draw/painter";
import { channelRange, layerRange, type Range } from "../draw/tiles";
import type { Client, Feed, Frame, PanelModel, Status } from "../live/client";
import { nothing, panel } from "../panel";
import { fill, h, listen, write } from "../ui/element";
import { retry } from "../ui/focus";
import { type Content, contentOf, keysOf, orderOf, type Sort, sortsOf } from "./features/content";
import { Controls, SORT_NAMES, TILES, type Trait } from "./features/controls";
import { type Cell, Gallery } from "./features/gallery";
import { Inspector } from "./features/inspector";
import "../ui/theme.css";
import "../ui/controls.css";
import "./feature_maps.css";

export class FeatureMaps {
  readonly root: HTMLElement;
  #content: Content | null = null;
  #source: Frame | null = null;
  #scored: { image: unknown; layer: unknown; values: ArrayLike<number> } | null = null;
  #valueSort: Sort = "value";
  /** Where a person points, or pointed last; null before. */
  #spot: { channel: number; cell: Cell | null } | null = null;
  /** What is looked at as long as nobody points: the selected channel, else the first in the order. */
  #first = 0;
  #kinds = new Map<string, { kind: string; field: number | null }>();
  #feeds: Record<"maps" | "scores" | "input" | "layers", Feed>;
  #painter: Painter;
  #gallery: Gallery;
  #inspector: Inspector;
  #controls: Controls;
  #cleanups: (() => void)[] = [];

  #name = h("span", { class: "xw-fm-layer" });
  #about = h("span", { class: "xw-fm-about" });
  #note = h("div", { class: "xw-fm-note", role: "status", hidden: true });

  constructor(
    private readonly client: Client,
    private readonly model: PanelModel,
  ) {
    this.#feeds = {
      maps: client.feed("maps"),
      scores: client.feed("scores"),
      input: client.feed("input"),
      layers: client.feed("layers"),
    };
    this.#gallery = new Gallery({
      scrolled: () => this.#painter.invalidate(),
      pointed: (channel, cell) => this.#point(channel, cell),
      left: () => this.#point(this.client.values.channel ?? this.#spot?.channel ?? this.#first, null),
      chose: (channel) => this.#choose(channel),
    });
    this.#inspector = new Inspector((cell) => this.#point(this.#spot?.channel ?? this.#first, cell));
    this.#gallery.list.setAttribute("aria-label", "Channels");
    this.#controls = new Controls((trait, value) => this.#set(trait, value));
    this.root = h(
      "section",
      {
        class: "xw-root xw-feature-maps",
        tabindex: -1,
        "aria-label": "Feature maps",
      },
      h(
        "header",
        { class: "xw-fm-head" },
        h("div", { class: "xw-fm-heading" }, this.#name, this.#about),
        this.#controls.element,
      ),
      h(
        "div",
        { class: "xw-fm-body" },
        h("div", { class: "xw-fm-main" }, this.#gallery.element),
        this.#inspector.element,
        this.#note,
      ),
    );
    Object.assign(this.root.dataset, { phase: "idle", layer: "", channels: "0", layers: "0", ms: "" });
    this.#painter = new Painter(this.root, () => this.#paint());
    this.#listen();
    this.#connect();
    this.#painter.invalidate();
  }

  dispose(): void {
    for (const cleanup of this.#cleanups) cleanup();
    this.#painter.dispose();
    this.#gallery.dispose();
    this.#inspector.dispose();
    this.#controls.dispose();
    this.root.remove();
  }

  // -- what arrives -----------------------------------------------------------------------------------

  #connect(): void {
    const { client, model } = this;
    const { maps, scores, input, layers } = this.#feeds;
    const looks = ["sort", "scale", "colormap", "tile"] as const;
    const looked = () => this.#looked();
    for (const name of looks) model.on(`change:${name}`, looked);
    this.#cleanups.push(
      maps.onFrame((frame) => this.#arrived(frame)),
      maps.onStatus((status) => this.#status(status)),
      scores.onFrame((frame) => this.#took(frame)),
      scores.onStatus((status) => this.#scoreStatus(status)),
      input.onFrame((frame) => this.#pictured(frame)),
      layers.onFrame((frame) => this.#described(frame)),
      client.onWelcome(() => this.#wish()),
      client.onSelect((_, changed) => {
        if (changed.has("channel")) this.#channelled();
        if (changed.has("image") || changed.has("layer") || changed.has("target")) this.#wish();
      }),
      () => {
        for (const name of looks) model.off(`change:${name}`, looked);
      },
    );
    this.#looked();
    this.#status(maps.status);
  }

  /** Ask for what the selection wants; what is cached comes back within this call. */
  #wish(): void {
    const { client } = this;
    if (client.welcome === null) return;
    const { image, layer, target } = client.values;
    this.root.dataset.wanted = layer ?? "";
    this.#status(this.#feeds.maps.status);
    if (client.welcome.images.length === 0 || layer === null) return;
    this.#ask("layers", { image }, (frame) => this.#described(frame));
    this.#ask("input", { image }, (frame) => this.#pictured(frame));
    this.#ask("maps", { image, layer }, (frame) => this.#arrived(frame));
    if (this.#sortOf() === "score")
      this.#ask("scores", { image, layer, target }, (frame) => this.#took(frame));
  }

  /** A second view of the model asks for what the first one has: the feed says nothing twice. */
  #ask(
    topic: "maps" | "scores" | "input" | "layers",
    params: Record<string, unknown>,
    take: (frame: Frame) => void,
  ): void {
    const feed = this.#feeds[topic];
    feed.request(params);
    const known = feed.peek(params);
    if (known) take(known);
    if (topic === "maps") this.#status(feed.status);
  }

  #arrived(frame: Frame): void {
    const { image, layer } = this.client.values;
    if (frame.params.layer !== layer || frame.params.image !== image) return;
    if (this.#content && this.#source === frame) return;
    const other = this.#content?.layer !== layer;
    this.#source = frame;
    this.#content = contentOf(frame);
    if (other) this.#spot = null;
    this.#showControls();
    this.#arrange();
  }

  #took(frame: Frame): void {
    const { image, layer, target } = this.client.values;
    const { params } = frame;
    if (params.layer !== layer || params.image !== image) return;
    if (JSON.stringify(params.target ?? null) !== JSON.stringify(target)) return;
    const values = frame.arrays.scores?.data;
    this.#scored = values ? { image, layer, values } : null;
    this.#arrange();
  }

  #pictured(frame: Frame): void {
    if (frame.params.image !== this.client.values.image) return;
    this.#inspector.picture(frame.arrays.picture ?? null);
    this.#painter.invalidate();
  }

  #described(frame: Frame): void {
    const layers = (frame.meta?.layers ?? []) as Record<string, any>[];
    this.#kinds = new Map(
      layers.map((one) => [String(one.name), { kind: String(one.kind), field: one.receptive_field ?? null }]),
    );
    const viewable = layers.filter((one) => one.view !== "none" && !one.same_as);
    this.root.dataset.layers = String(viewable.length);
    this.#painter.invalidate();
  }

  #status(status: Status): void {
    const { welcome, values } = this.client;
    this.root.dataset.phase = status.phase;
    this.root.setAttribute("aria-busy", String(status.phase === "waiting"));
    if (welcome === null) this.#say("Waiting for the kernel …");
    else if (welcome.images.length === 0)
      this.#say("No image yet.", "Add one to see what each channel makes of it.");
    else if (values.layer === null)
      this.#say("No layer chosen.", "Choose one on the rail, or set `layer` in Python.");
    else if (status.phase === "error")
      this.#say(status.failure?.message ?? "The maps could not be made.", status.failure?.hint, "error");
    else if (status.phase === "stale")
      this.#say(
        status.failure?.message ?? `${status.note}.`,
        status.failure?.hint ?? (this.#content ? "These are the last maps." : ""),
        "stale",
      );
    else if (this.#content) this.#say("");
    else this.#say(status.phase === "cancelled" ? "Stopped." : "First maps …");
  }

  #scoreStatus(status: Status): void {
    this.root.dataset.scores = status.phase;
    if (status.phase === "error" && this.#sortOf() === "score") {
      this.#say(status.failure?.message ?? "The scores could not be made.", status.failure?.hint, "error");
    }
  }

  #say(message: string, hint = "", kind = "plain"): void {
    this.#note.hidden = message === "";
    this.#note.dataset.kind = kind;
    this.#note.dataset.over = String(this.#content !== null);
    const again = kind === "error" && retry(() => this.#again());
    fill(this.#note, [message && h("strong", {}, message), hint && h("span", {}, hint), again]);
  }

  #again(): void {
    for (const feed of Object.values(this.#feeds)) if (feed.status.phase === "error") feed.again();
  }

  // -- what the person does ---------------------------------------------------------------------------

  #listen(): void {
    const { root } = this;
    this.#cleanups.push(
      listen(root, "focusin", () => this.#gallery.focus()),
      listen(root, "focusout", () => this.#gallery.focus()),
      listen(root, "keydown", (event) => this.#key(event)),
    );
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as Node;
    const control = target !== this.root && !this.#gallery.element.contains(target);
    const size = this.#tile();
    let meant = true;
    if (event.key === "Escape") meant = this.#escape();
    else if (control) meant = false;
    else if (event.key === "+" || event.key === "=")
      this.#save("tile", Math.min(TILES.high, size + TILES.step));
    else if (event.key === "-") this.#save("tile", Math.max(TILES.low, size - TILES.step));
    else meant = this.#gallery.key(event.key);
    if (!meant) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Escape stops what runs, else lets the channel go; false where there is neither. */
  #escape(): boolean {
    const { maps } = this.#feeds;
    const running = maps.status.phase === "waiting" || maps.status.phase === "stale";
    if (running) maps.cancel();
    else if (this.client.values.channel === null) return false;
    else this.client.select({ channel: null });
    return true;
  }

  #choose(channel: number): void {
    this.client.select({ channel });
    this.#gallery.select(channel);
    this.#point(channel, this.#spot?.channel === channel ? this.#spot.cell : null);
  }

  #channelled(): void {
    const { channel } = this.client.values;
    this.#gallery.select(channel);
    if (channel !== null) this.#point(channel, null);
  }

  #point(channel: number, cell: Cell | null): void {
    this.#spot = { channel, cell };
    this.root.dataset.hover = cell ? `${channel},${cell.y},${cell.x}` : String(channel);
    if (this.#painter.visible) this.#inspect();
  }

  /** The order of a vector is the view's own unless it needs scores: the trait knows no "value". */
  #set(trait: Trait, value: string | number): void {
    if (trait !== "sort" || !this.#content?.values || value === "score") {
      this.#save(trait, value);
      return;
    }
    this.#valueSort = value as Sort;
    if (this.model.get("sort") === "score") this.#save("sort", "index");
    else this.#looked();
  }

  #save(name: string, value: unknown): void {
    if (this.model.get(name) === value) return;
    this.model.set(name, value);
    this.model.save_changes();
  }

  // -- what is shown ----------------------------------------------------------------------------------

  #sortOf(): Sort {
    const sort = (this.model.get("sort") ?? "index") as Sort;
    return this.#content?.values && sort !== "score" ? this.#valueSort : sort;
  }

  /** A trait of the look changed: no new numbers but perhaps the scores. */
  #looked(): void {
    this.#showControls();
    if (this.#sortOf() === "score" && this.client.welcome !== null) this.#wish();
    this.#arrange();
  }

  #showControls(): void {
    this.#controls.show({
      sort: this.#sortOf(),
      sorts: sortsOf(this.#content),
      scale: this.model.get("scale") === "layer" ? "layer" : "map",
      colormap: String(this.model.get("colormap") ?? "auto"),
      tile: this.#tile(),
    });
  }

  #tile(): number {
    const tile = Number(this.model.get("tile") ?? TILES.usual);
    return Math.min(TILES.high, Math.max(TILES.low, Number.isFinite(tile) ? tile : TILES.usual));
  }

  #label(channel: number): string {
    const { classes } = this.client.welcome ?? {};
    const isLogits = this.#content?.values && classes?.length === this.#content.channels;
    return isLogits ? `${classes[channel]}` : `${this.#content?.values ? "unit" : "channel"} ${channel}`;
  }

  #colours(): { colormap: string; range: Range | null } {
    const maps = this.#content?.maps;
    const wanted = String(this.model.get("colormap") ?? "auto");
    const whole =
      maps && (wanted === "auto" || this.model.get("scale") === "layer") ? layerRange(maps) : null;
    const chosen = wanted === "auto" ? (whole && whole[0] < 0 ? "blue-red" : "viridis") : wanted;
    return { colormap: chosen, range: this.model.get("scale") === "layer" ? whole : null };
  }

  /** The scores of what is shown; they may come before their maps, or after the next ones. */
  get #scores(): ArrayLike<number> | null {
    const { image, layer } = this.#content ?? {};
    return this.#scored?.image === image && this.#scored?.layer === layer ? this.#scored!.values : null;
  }

  /** Put the channels in order and have them painted. */
  #arrange(): void {
    const content = this.#content;
    if (!content) return;
    const sort = this.#sortOf();
    const { channel } = this.client.values;
    const selected = channel !== null && channel < content.channels ? channel : null;
    const keys = sort === "index" ? null : keysOf(content, sort, this.#scores);
    const order = orderOf(content, sort, this.#scores);
    const summary = `${content.channels} ${content.values ? "units" : "maps"} of ${content.layer}, sorted by ${SORT_NAMES[sort]}`;
    const label = (index: number) => this.#label(index);
    this.#gallery.set(
      { content, order, keys, tile: this.#tile(), label, summary, ...this.#colours() },
      selected,
    );
    this.#first = selected ?? order[0] ?? 0;
    Object.assign(this.root.dataset, { sort, first: String(order[0] ?? "") });
    this.#painter.invalidate();
  }

  #paint(): void {
    const begun = performance.now();
    const content = this.#content;
    const about = content ? this.#kinds.get(content.layer) : undefined;
    write(this.#name, content?.layer ?? this.client.values.layer ?? "Feature maps");
    this.#name.title = this.#name.textContent ?? "";
    const reduced = content && content.reduced > 1 ? `shown at 1/${content.reduced}` : "";
    write(
      this.#about,
      [about?.kind, content?.shape.join(" × "), content?.tokens && "tokens as maps", reduced]
        .filter(Boolean)
        .join(" · "),
    );
    const window = this.#gallery.paint();
    this.#inspect();
    if (!content) return;
    Object.assign(this.root.dataset, {
      layer: content.layer,
      view: content.maps ? "maps" : "vector",
      image: String(content.image),
      channels: String(content.channels),
      window: window.join("-"),
      ms: (performance.now() - begun).toFixed(1),
    });
  }

  #inspect(): void {
    const content = this.#content;
    const spot = this.#spot ?? { channel: this.#first, cell: null };
    if (!content || spot.channel >= content.channels) {
      this.#inspector.show(null);
      return;
    }
    const { colormap, range } = this.#colours();
    const { channel, cell } = spot;
    this.#inspector.show({
      content,
      channel,
      cell,
      label: this.#label(channel),
      colormap,
      range: range ?? (content.maps ? channelRange(content.maps, channel) : [0, 0]),
      field: this.#kinds.get(content.layer)?.field ?? null,
      score: keysOf(content, "score", this.#scores)?.[channel] ?? null,
    });
  }
}

export default panel(nothing, (client, model, el) => {
  const view = new FeatureMaps(client, model);
  el.append(view.root);
  return view;
});
