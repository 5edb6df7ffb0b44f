/** BaselineLab: what a baseline is, what happens on the way from it, and how much the answer depends on it. */

import type { Client, Frame, PanelModel, Params, Status, Values } from "../live/client";
import { Latest, later } from "../live/latest";
import { canonical } from "../live/messages";
import { panel } from "../panel";
import { h, listen, write } from "../ui/element";
import { type Evidence, EvidenceLine } from "../ui/evidence";
import { percent } from "../ui/number";
import type { Spot } from "../ui/pane";
import { Standing } from "../ui/standing";
import { segments } from "../ui/toolbar";
import { watchVisible, watchWidth } from "../ui/visibility";
import type { Prediction } from "./attribution/target";
import { meanSize } from "./attribution/words";
import type { tabs } from "./baseline_tabs";
import { Charts } from "./baselines/charts";
import { Controls } from "./baselines/controls";
import {
  chosen,
  type Known,
  type Look,
  TABS,
  type Tab,
  type TabName,
  USUAL,
  wishOf,
} from "./baselines/known";
import { PathTab } from "./baselines/path_tab";
import "../ui/theme.css";
import "../ui/controls.css";
import "../ui/figure.css";
import "./baseline_lab.css";

const LOOK = Object.keys(USUAL) as (keyof Look)[];
/** What of the look is a question to the kernel. */
const ASKED: ReadonlySet<string> = new Set(["tab", "baselines", "source", "count", "fill"]);
const FOLLOWED: readonly (keyof Values)[] = ["image", "target", "baseline", "seed"];
const TOPICS = ["input", "baseline", "predictions", ...TABS] as const;
const SAVE_MS = 150;
const WORKING = ["waiting", "refining", "stale"];

/** The part of the client that the view uses, so that a page without a kernel can stand in for it. */
export type ClientLike = Pick<Client, "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed">;
type ModelLike = Pick<PanelModel, "get" | "set" | "save_changes" | "on" | "off">;

export class BaselineLab {
  #tabs: Partial<Record<TabName, Tab>>;
  #stage = h("div", { class: "xw-stage" });
  #controls: Controls;
  #evidence = new EvidenceLine();
  #standing: Standing;
  #rest = h("span", { class: "xw-title-rest" });
  #choice = segments({
    label: "Tab",
    quiet: true,
    value: "path",
    segments: [
      { value: "path", label: "Path", help: "What happens between the baseline and the image" },
      { value: "compare", label: "Side by side", help: "The same image under several baselines" },
      { value: "references", label: "References", help: "The mean over many baselines, one by one" },
      { value: "ablation", label: "Ablation", help: "What the network does without the strongest pixels" },
    ],
    onChange: (tab) => this.#set({ tab: tab as TabName }),
  });
  #frames = new Map<string, Frame>();
  #sizes = new WeakMap<Frame, number>();
  #offs: (() => void)[] = [];
  #visible = false;
  #held = false;
  /** Something else is to be said. */
  #told = false;
  /** Told to the kernel when the hand is off the slider: nothing on the page waits for it. */
  #save = new Latest(() => (this.#held ? this.#save.push() : this.model.save_changes()), later(SAVE_MS));

  constructor(
    private readonly client: ClientLike,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
    private readonly charts: Pick<Charts, "show">,
    others: Promise<typeof tabs>,
  ) {
    const actions = {
      select: (values: Partial<Values>) => this.client.select(values),
      look: (changes: Partial<Look>) => this.#set(changes),
      point: (spot: Spot | null) => this.#point(spot),
    };
    const path = new PathTab(actions);
    this.#tabs = { path };
    this.#controls = new Controls(actions);
    this.#controls.canvas.attach(path.reference);
    this.#standing = new Standing(
      root,
      () => this.#feed.cancel(),
      () => this.#ask(),
    );
    this.#build();
    this.#wire();
    others.then(
      (made) => this.#complete(made(actions)),
      () =>
        this.#standing.notice.show(
          "Half a lab",
          "The tabs beside the path could not be loaded.",
          "Run the cell again.",
        ),
    );
  }

  dispose(): void {
    for (const off of this.#offs) off();
    this.#held = false;
    this.#save.flush();
    this.#standing.dispose();
    this.root.replaceChildren();
  }

  get #look(): Look {
    return Object.fromEntries(LOOK.map((key) => [key, this.model.get(key) ?? USUAL[key]])) as unknown as Look;
  }

  get #tab(): TabName {
    return this.#look.tab;
  }

  /** The feed of what the tab shows. */
  get #feed() {
    return this.client.feed(this.#tab);
  }

  get #frame(): Frame | undefined {
    return this.#frames.get(this.#tab);
  }

  get #judged(): Evidence | null {
    return (this.#frame && this.#tabs[this.#tab]?.evidence(this.#frame)) ?? null;
  }

  get #wish(): Params | null {
    const { welcome, values } = this.client;
    return welcome && wishOf(this.#tab, welcome, values, this.#look);
  }

  #build(): void {
    this.root.classList.add("xw-root", "xw-baseline-lab");
    this.root.tabIndex = -1;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Baselines");
    const line = h("span", { class: "xw-title-line" }, h("b", {}, "Baselines"));
    const head = h(
      "div",
      { class: "xw-head" },
      h("h3", { class: "xw-title" }, line, this.#rest),
      this.#choice.element,
    );
    const foot = h("div", { class: "xw-foot" }, this.#evidence.element, this.#standing.words);
    this.#stage.append(this.#tabs.path!.element, this.#standing.notice.element);
    const main = h("div", { class: "xw-main" }, this.#standing.line, this.#stage, foot);
    const side = this.#controls.element;
    const body = h("div", { class: "xw-bl-body" }, side, main);
    for (const part of [side, main]) this.#offs.push(watchWidth(part, () => this.#below(main)));
    this.root.replaceChildren(h("div", { class: "xw-frame" }, head, body));
  }

  /** Where the pictures end: there the chart begins, also where the controls beside them are taller. */
  #below(main: HTMLElement): void {
    // From the top of the panel, which the charts can't move.
    const below = main.getBoundingClientRect().bottom - this.root.getBoundingClientRect().top;
    this.root.closest<HTMLElement>(".xw-lab")?.style.setProperty("--xw-below", `${below}px`);
  }

  #complete(others: Partial<Record<TabName, Tab>>): void {
    Object.assign(this.#tabs, others);
    this.#stage.prepend(...Object.values(this.#tabs).map(({ element }) => element));
    this.#refresh();
  }

  #wire(): void {
    const { client, root } = this;
    const off = this.#offs;
    off.push(client.onWelcome(() => this.#refresh()));
    off.push(
      client.onSelect((_, changed) => {
        if (FOLLOWED.some((key) => changed.has(key))) this.#refresh();
      }),
    );
    for (const topic of TOPICS) off.push(client.feed(topic).onFrame((frame) => this.#arrived(topic, frame)));
    for (const topic of TABS)
      off.push(
        client.feed(topic).onStatus((status) => {
          if (topic === this.#tab) this.#showStatus(status);
        }),
      );
    off.push(client.feed("baseline").onStatus((status) => this.#previewed(status)));
    for (const key of LOOK) {
      const changed = () => (ASKED.has(key) ? this.#refresh() : this.#draw());
      this.model.on(`change:${key}`, changed);
      off.push(() => this.model.off(`change:${key}`, changed));
    }
    off.push(listen(root, "keydown", (event) => this.#keydown(event)));
    for (const type of ["pointerup", "pointercancel"] as const)
      off.push(
        listen(root, type, () => {
          this.#held = false;
        }),
      );
    off.push(
      listen(root, "pointerdown", (event) => {
        const { target } = event;
        this.#held = target instanceof HTMLInputElement && target.type === "range";
        // A click on a picture brings the keys to it, but not where the pointer is a brush or a pipette.
        if (target instanceof HTMLCanvasElement && !target.closest("[data-picking]"))
          root.focus({ preventScroll: true });
      }),
    );
    off.push(
      watchVisible(root, (visible) => {
        this.#visible = visible;
        if (visible) this.#refresh();
      }),
    );
    this.#controls.element.inert = true;
    this.#showTab();
    this.#showStatus(this.#feed.status);
  }

  // -- asking ----------------------------------------------------------------------------------------

  #refresh(): void {
    if (!this.client.welcome) return;
    this.#standing.greeted();
    this.#controls.element.inert = false;
    // Too many maps for a page: nothing of this tab is recorded.
    for (const radio of this.#choice.element.querySelectorAll<HTMLElement>("[value=references]"))
      radio.parentElement!.hidden = !!this.client.welcome.recorded;
    this.#showTab();
    this.#ask();
    this.#draw();
    this.#showStatus(this.#feed.status);
  }

  #ask(): void {
    const { welcome, values } = this.client;
    if (!this.#visible || !welcome || welcome.images.length === 0) return;
    const look = this.#look;
    // What nobody looks at any more need not be worked out.
    for (const topic of TABS) if (topic !== look.tab) this.client.feed(topic).cancel();
    this.#take("predictions", { image: values.image });
    for (const topic of ["input", "baseline", look.tab] as const)
      this.#take(topic, wishOf(topic, welcome, values, look));
    if (look.tab === "ablation") this.#askMaps();
  }

  /** Ask, and look at what is there: a second view of the model asks for what the first one has. */
  #take(topic: string, params: Params | null): void {
    if (!params) return;
    const feed = this.client.feed(topic);
    feed.request(params);
    const known = feed.peek(params);
    if (known) this.#frames.set(topic, known);
  }

  /**
   * The maps whose pixels are taken away. Those that the curves are made of are explained already, so that
   * a comparison of them alone costs nothing; one of all would explain the others a second time.
   */
  #askMaps(): void {
    const { welcome, values } = this.client;
    if (!welcome) return;
    const look = this.#look;
    const all = wishOf("compare", welcome, values, look);
    const frame = this.#frames.get("ablation");
    const current = canonical(frame?.params) === canonical(wishOf("ablation", welcome, values, look));
    const areas: unknown[] = current ? frame!.meta.entries.map(({ area }: { area: unknown }) => area) : [];
    const ready = look.baselines.filter((_, i) => typeof areas[i] === "number");
    if (all && this.client.feed("compare").peek(all)?.step.final) this.#take("compare", all);
    else if (ready.length > 0)
      this.#take("compare", wishOf("compare", welcome, values, { ...look, baselines: ready }));
  }

  #arrived(topic: string, frame: Frame): void {
    this.#frames.set(topic, frame);
    if (topic === this.#tab && this.#old) this.#standing.follows();
    if (topic === "ablation" && this.#tab === topic) this.#askMaps();
    this.#draw();
  }

  // -- showing -----------------------------------------------------------------------------------------

  #draw(): void {
    const { welcome, values } = this.client;
    const look = this.#look;
    this.charts.show(look);
    if (!this.#visible || !welcome) return;
    const predicted = this.#frames.get("predictions");
    const top: Prediction[] = predicted?.params.image === values.image ? (predicted?.meta?.top ?? []) : [];
    const known: Known = { welcome, values, look, frames: this.#frames, top };
    this.#controls.show(known, this.#frame?.meta?.target?.label ?? null);
    this.#tabs[look.tab]?.show(known);
    this.#showFrame(known);
    this.#showEmpty();
  }

  #showTab(): void {
    const tab = this.#tab;
    this.#choice.set(tab);
    this.root.dataset.tab = tab;
    for (const [name, { element }] of Object.entries(this.#tabs)) element.hidden = name !== tab;
  }

  #showFrame({ look, values, welcome, top }: Known): void {
    const frame = this.#frame;
    const { dataset } = this.root;
    const evidence = this.#judged;
    this.#evidence.show(evidence);
    dataset.evidence = evidence?.line ?? "";
    dataset.baseline = String(chosen(welcome, values).name ?? "");
    dataset.preview = String(
      (this.#frames.get("baseline")?.params.baseline as Params | undefined)?.name ?? "",
    );
    dataset.alpha = String(look.alpha);
    dataset.share = String(look.share);
    dataset.target = String(frame?.meta?.target?.label ?? "");
    dataset.nodes = String(this.#frames.get("path")?.arrays.nodes?.data.length ?? 0);
    const [height, width] = this.#frames.get("input")?.arrays.picture?.shape ?? [1, 1];
    this.root.style.setProperty("--aspect", String(width! / height!));
    this.#markOld();
    const target = frame?.meta?.target;
    const chance = top.find(({ index }) => index === target?.index)?.probability;
    const words = target && [`for ${target.label}`, typeof chance === "number" ? percent(chance) : null];
    write(this.#rest, words ? words.filter(Boolean).join(" ") : welcome.model);
    this.#rest.title = this.#rest.textContent ?? "";
  }

  /** What is on the screen is not what was wished last. */
  get #old(): boolean {
    const frame = this.#frame;
    return frame !== undefined && canonical(frame.params) !== canonical(this.#wish);
  }

  #markOld(): void {
    this.root.toggleAttribute("data-outdated", this.#old);
  }

  #showStatus(status: Status): void {
    this.#told = this.#standing.show(status, this.#error(status), this.#frame === undefined);
    this.#showEmpty();
    this.#markOld();
  }

  #showEmpty(): void {
    if (this.#told) return;
    const { welcome } = this.client;
    const { notice } = this.#standing;
    if (welcome?.images.length === 0)
      notice.show("No image yet", "A baseline is something to hold an image against.", "Add an image.");
    else notice.hide();
  }

  #previewed({ phase, failure }: Status): void {
    const words = phase === "error" && failure ? `${failure.message} ${failure.hint}`.trim() : "";
    this.#controls.preview.fail(words);
  }

  /** The error as a share of the map's mean size, where a tab shows one map that gets better. */
  #error({ phase, error }: Status): number | null {
    const frame = this.#frame;
    const judged = this.#judged?.checks.find(({ name }) => name === "convergence")?.figure;
    if (phase !== "waiting" && typeof judged === "number") return judged || null;
    const maps = frame?.arrays.maps;
    if (!error || !maps) return null;
    let size = this.#sizes.get(frame);
    if (size === undefined) {
      const scale = typeof maps.scale === "number" ? maps.scale : 1;
      size = meanSize({ data: maps.data, width: maps.data.length, height: 1, scale, zero: 0 });
      this.#sizes.set(frame, size);
    }
    return size > 0 ? error / size : null;
  }

  // -- hands -------------------------------------------------------------------------------------------

  #point(spot: Spot | null): void {
    this.#controls.preview.cross(spot);
    this.#tabs[this.#tab]?.point(spot);
  }

  #set(changes: Partial<Look>): void {
    for (const [key, value] of Object.entries(changes)) this.model.set(key, value);
    this.#save.drop();
    this.#save.push();
  }

  #keydown(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      if (this.#controls.escape() || this.#tabs[this.#tab]?.escape?.()) return;
      if (WORKING.includes(this.#feed.status.phase)) this.#feed.cancel();
      else this.#point(null);
      return;
    }
    if (event.target !== this.root || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#tabs[this.#tab]?.key(event)) event.preventDefault();
  }
}

/** The module of the other tabs, from the text that the model holds: as anywidget loads the lab itself. */
async function load(model: PanelModel): Promise<typeof tabs> {
  const url = URL.createObjectURL(new Blob([String(model.get("_tabs"))], { type: "text/javascript" }));
  try {
    return ((await import(url)) as { tabs: typeof tabs }).tabs;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** What all views of a model share. */
function shared(model: PanelModel) {
  const [charts, others] = [new Charts(model), load(model)];
  others.catch((error: unknown) => console.warn("[xai_widgets] the lab's tabs:", error));
  return { charts, others, dispose: () => charts.dispose() };
}

export default panel(shared, (client, model, el, { charts, others }) => {
  const root = document.createElement("div");
  el.append(root);
  return new BaselineLab(client, model, root, charts, others);
});
