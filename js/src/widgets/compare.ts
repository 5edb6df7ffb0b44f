/** Compare: the same question answered by many methods, for many targets, baselines, layers, images or models. */

import type { Client, Frame, PanelModel, Params, Status } from "../live/client";
import { Latest, later } from "../live/latest";
import { canonical } from "../live/messages";
import { nothing, panel } from "../panel";
import { h, listen, write } from "../ui/element";
import type { Spot } from "../ui/pane";
import { Standing } from "../ui/standing";
import { watchVisible } from "../ui/visibility";
import type { LayerChoice } from "./attribution/kinds";
import { ScaleBar } from "./attribution/scale";
import type { Prediction } from "./attribution/target";
import { Axes } from "./compare/axes";
import { Board } from "./compare/board";
import { type Cell, together } from "./compare/cell";
import { gridWish, hidden, type Known, type Layout, type Look, USUAL } from "./compare/known";
import { Supply } from "./compare/supply";
import { groupOf, Together } from "./compare/together";
import "../ui/theme.css";
import "../ui/controls.css";
import "../ui/figure.css";
import "./compare.css";

const LOOK = Object.keys(USUAL) as (keyof Look)[];
/** What of the look is a question to the kernel. */
const ASKED: ReadonlySet<string> = new Set(["methods", "by", "columns", "blind"]);
const SAVE_MS = 120;
const HINT = "Arrows move, Enter selects, + and − zoom (or Ctrl and wheel), 0 resets.";

/** The part of the client that the view uses. */
export type ClientLike = Pick<Client, "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed">;
type ModelLike = Pick<PanelModel, "get" | "set" | "save_changes" | "on" | "off">;

export class Compare {
  #board: Board;
  #axes: Axes;
  #together: Together;
  #standing: Standing;
  #rest = h("span", { class: "xw-title-rest" });
  #scale = new ScaleBar();
  #reading = h("output", { class: "xw-reading", "data-hint": "" });
  #layout: Layout | null = null;
  /** The grid's wish that the layout answers. */
  #laid = "";
  #supply: Supply;
  #suspects = new Set<string>();
  #trial = 0;
  #offs: (() => void)[] = [];
  #visible = false;
  #due = false;
  #save = new Latest(() => this.model.save_changes(), later(SAVE_MS));

  constructor(
    private readonly client: ClientLike,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
  ) {
    this.#supply = new Supply(client, () => this.#draw());
    this.#board = new Board({
      seen: (cell, index) => this.#seen(cell, index),
      choose: (row, column) => this.#choose(row, column),
      suspect: (letter) => this.#suspect(letter),
      point: (spot) => this.#point(spot),
    });
    this.#axes = new Axes({
      look: (changes) => this.#set(changes),
    });
    this.#together = new Together((changes) => this.#set(changes));
    this.#standing = new Standing(
      root,
      () => this.#cancel(),
      () => this.#again(),
    );
    this.#build();
    this.#wire();
  }

  dispose(): void {
    for (const off of this.#offs) off();
    this.#supply.dispose();
    this.#save.flush();
    this.#board.dispose();
    this.#axes.dispose();
    this.#standing.dispose();
    this.root.replaceChildren();
  }

  get #look(): Look {
    return Object.fromEntries(LOOK.map((key) => [key, this.model.get(key) ?? USUAL[key]])) as unknown as Look;
  }

  get #wish(): Params | null {
    return gridWish(this.client.values, this.#look);
  }

  get #known(): Known | null {
    const { welcome, values } = this.client;
    if (!welcome || !this.#layout) return null;
    const top: Prediction[] = this.#supply.frame("predictions")?.meta?.top ?? [];
    const layers: LayerChoice[] = this.#supply.frame("layers")?.meta?.layers ?? [];
    return { welcome, values, look: this.#look, layout: this.#layout, layers, top };
  }

  #build(): void {
    this.root.classList.add("xw-root", "xw-compare");
    this.root.tabIndex = -1;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Side by side");
    const line = h("span", { class: "xw-title-line" }, h("b", {}, "Side by side"));
    const head = h("div", { class: "xw-head" }, h("h3", { class: "xw-title" }, line, this.#rest));
    const scale = h("div", { class: "xw-cmp-scale-line" }, this.#reading, this.#scale.element);
    const stage = h(
      "div",
      { class: "xw-stage" },
      h("div", { class: "xw-cmp-scroll" }, this.#board.element),
      scale,
      this.#standing.notice.element,
    );
    const foot = h(
      "div",
      { class: "xw-foot" },
      h("span", { class: "xw-cmp-hint" }, HINT),
      this.#standing.words,
    );
    const main = h("div", { class: "xw-main" }, this.#standing.line, stage, foot);
    const body = h("div", { class: "xw-cmp-body" }, this.#axes.element, main, this.#together.element);
    this.root.replaceChildren(h("div", { class: "xw-frame" }, head, body));
  }

  #wire(): void {
    const { client, root } = this;
    const off = this.#offs;
    off.push(client.onWelcome(() => this.#refresh()));
    off.push(
      client.onSelect((_, changed) => {
        if ([...changed].some((key) => key !== "channel")) this.#refresh();
      }),
    );
    off.push(client.feed("grid").onFrame((frame) => this.#laidOut(frame)));
    off.push(client.feed("grid").onStatus(() => this.#showStatus()));
    off.push(client.feed("agreement").onStatus(() => this.#showStatus()));
    for (const key of LOOK) {
      const changed = () => (ASKED.has(key) ? this.#refresh() : this.#changed());
      this.model.on(`change:${key}`, changed);
      off.push(() => this.model.off(`change:${key}`, changed));
    }
    off.push(listen(root, "keydown", (event) => this.#keydown(event)));
    off.push(
      watchVisible(root, (visible) => {
        this.#visible = visible;
        if (visible) this.#refresh();
      }),
    );
    this.#axes.element.inert = true;
    this.#together.element.hidden = true;
    this.#showStatus();
  }

  // -- asking ----------------------------------------------------------------------------------------

  #refresh(): void {
    const { welcome, values } = this.client;
    if (!welcome) return;
    this.#standing.greeted();
    this.#axes.element.inert = false;
    const look = this.#look;
    if (look.blind !== this.#trial) this.#suspects.clear();
    this.#trial = look.blind;
    const wish = this.#wish;
    if (this.#visible && wish) {
      this.#supply.take("predictions", { image: values.image });
      this.#supply.take("layers", { image: values.image });
      const grid = this.client.feed("grid");
      grid.request(wish);
      // A second view of the model asks for what the first one has: the feed says nothing twice.
      const known = grid.peek(wish);
      if (known) this.#laidOut(known);
    }
    this.#changed();
  }

  #changed(): void {
    this.#askTogether();
    this.#draw();
    this.#showStatus();
  }

  #laidOut(frame: Frame): void {
    const key = canonical(frame.params);
    if (key !== canonical(this.#wish) || key === this.#laid) return;
    this.#laid = key;
    this.#layout = frame.meta as Layout;
    const known = this.#known;
    if (!known) return;
    this.#board.take(known);
    this.#board.cells.forEach((cell, i) => {
      this.#seen(cell, i);
    });
    for (let i = this.#board.cells.length; this.#supply.hears(`cell:${i}`); i++)
      this.client.feed(`cell:${i}`).cancel();
    this.#supply.takePictures(known.layout);
    this.#changed();
  }

  /** Ask for a cell that can be seen; drop what nobody sees any more. */
  #seen(cell: Cell, index: number): void {
    const topic = `cell:${index}`;
    const feed = this.client.feed(topic);
    if (!cell.plan.wish || !cell.visible) {
      if (cell.working) feed.cancel();
      return;
    }
    this.#supply.hear(
      topic,
      (frame) => this.#arrived(index, frame),
      (status) => this.#told(index, status),
    );
    feed.request(cell.plan.wish);
    const known = feed.peek(cell.plan.wish);
    if (known) this.#arrived(index, known);
    cell.status = feed.status;
  }

  /** What is held together, once all of it is there; asked sooner, it would be worked out twice. */
  #askTogether(): void {
    const known = this.#known;
    if (!known || !this.#visible || hidden(known)) return;
    const cells = this.#gathered(known);
    if (cells) this.#supply.take("agreement", { cells });
    const rested = this.#board.cells.every((cell) => cell.settled || !cell.visible);
    if (known.look.by === "models" && rested) this.#supply.takePartings(known);
  }

  /** The wishes of the cells that are held together; null as long as one of them is worked out. */
  #gathered(known: Known): Params[] | null {
    const cells = groupOf(known).indices.map((index) => this.#board.cells[index]!);
    const ready = cells.filter(({ map, status }) => map && status?.phase === "done");
    return ready.length > 1 && ready.length === cells.length ? cells.map(({ plan }) => plan.wish!) : null;
  }

  // -- what arrives ------------------------------------------------------------------------------------

  #arrived(index: number, frame: Frame): void {
    const cell = this.#board.cells[index];
    if (!cell?.plan.wish || canonical(frame.params) !== canonical(cell.plan.wish)) return;
    cell.arrived(frame);
    this.#later();
  }

  #told(index: number, status: Status): void {
    const cell = this.#board.cells[index];
    if (!cell) return;
    cell.status = status;
    this.#later();
  }

  /** Many cells tell something at once: one look at all of them, a frame later. */
  #later(): void {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#changed();
    });
  }

  // -- showing -----------------------------------------------------------------------------------------

  #draw(): void {
    const known = this.#known;
    if (!this.#visible || !known) return;
    const { layout, look, values, welcome } = known;
    const pictures = layout.columns.map((_, i) => this.#supply.picture(i, layout));
    this.#axes.show(known, this.#suspects);
    this.#board.show(known, pictures, this.#suspects);
    const group = groupOf(known);
    const wishes = this.#gathered(known);
    const frame = wishes ? this.#supply.frame("agreement", { cells: wishes }) : undefined;
    this.#together.show(known, group, frame ?? null, this.#board.cells);
    this.#together.showParting(
      known,
      layout.columns.map((_, i) => this.#supply.parting(i, known)),
    );
    this.#showScale(look);
    const image = welcome.images[values.image]?.name ?? "";
    const told = new Set(this.#board.cells.filter(({ map }) => map).map(({ target }) => target));
    const target = told.size === 1 ? `for ${[...told][0]}` : "";
    const parts = [welcome.model, look.by === "images" ? "" : image, target];
    write(this.#rest, parts.filter(Boolean).join(" · "));
    this.#point(null);
    this.#mark(known);
  }

  #showScale(look: Look): void {
    const known = this.#known;
    const shared = known && look.scale === "all" && !hidden(known) ? this.#board.shared(look.clip) : null;
    this.#scale.element.hidden = look.scale !== "all";
    this.#scale.show(shared?.limit ?? null, { ...look, sign: shared?.signed ? "both" : "absolute" });
  }

  #mark(known: Known): void {
    const { dataset } = this.root;
    dataset.by = known.look.by;
    dataset.hidden = String(hidden(known));
    dataset.maps = String(this.#board.cells.filter(({ map }) => map).length);
    this.root.toggleAttribute("data-outdated", this.#laid !== canonical(this.#wish));
  }

  #showStatus(): void {
    const planned = this.#board.cells.filter(({ plan }) => plan.wish);
    const seen = planned.filter(({ visible }) => visible);
    const bare = !planned.some(({ map }) => map);
    const { status: grid } = this.client.feed("grid");
    const status =
      grid.phase === "done" && planned.length > 0
        ? together(grid, seen, bare, this.client.feed("agreement").status)
        : grid;
    if (!this.#standing.show(status, null, bare)) this.#standing.notice.hide();
  }

  // -- hands -------------------------------------------------------------------------------------------

  #set(changes: Partial<Look>): void {
    // The columns are the other axis's.
    const all = changes.by ? { ...changes, columns: [] } : changes;
    for (const [key, value] of Object.entries(all)) this.model.set(key, value);
    this.#save.drop();
    this.#save.push();
  }

  /** What a cell shows becomes what is selected, for every panel. */
  #choose(row: number, column: number): void {
    const known = this.#known;
    if (!known || hidden(known)) return;
    const method = known.layout.rows[row];
    const chosen = known.layout.columns[column];
    if (!method || !chosen || chosen.control) return;
    const key = ({ targets: "target", baselines: "baseline", layers: "layer", images: "image" } as Params)[
      known.look.by
    ];
    const wish = known.layout.cells[row]?.[column]?.wish;
    const values = method === known.values.method ? {} : { method, params: (wish?.params as Params) ?? {} };
    this.client.select({ ...values, ...(key ? { [key as string]: chosen.value } : {}) });
  }

  #suspect(letter: string): void {
    if (!this.#suspects.delete(letter)) this.#suspects.add(letter);
    this.#draw();
  }

  #point(spot: Spot | null): void {
    const map = this.#board.cells.find((cell) => cell.map)?.map;
    const size = [map?.width ?? 1, map?.height ?? 1] as const;
    this.#board.point(spot, size);
    this.#together.point(spot, size);
    this.#reading.toggleAttribute("data-hint", spot === null);
    write(this.#reading, spot ? `x ${spot.x}  y ${spot.y}` : "Point at a map to read all of them.");
  }

  #cancel(): void {
    this.client.feed("grid").cancel();
    this.#board.cells.forEach((cell, i) => {
      if (cell.working) this.client.feed(`cell:${i}`).cancel();
    });
  }

  #again(): void {
    this.client.feed("grid").again();
    this.#board.cells.forEach((cell, i) => {
      this.#seen(cell, i);
    });
  }

  #keydown(event: KeyboardEvent): void {
    if (event.key !== "Escape") return;
    const working = this.#board.cells.some((cell) => cell.working);
    if (!working) return;
    this.#cancel();
    event.preventDefault();
  }
}

export default panel(nothing, (client, model, el) => {
  const root = document.createElement("div");
  el.append(root);
  return new Compare(client, model, root);
});
