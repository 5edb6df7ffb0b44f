/** SweepView: which layer, which method? All maps in a strip, each with a figure, the best one marked. */

import type { Client, Frame, PanelModel, Params, Status, Values } from "../live/client";
import { canonical } from "../live/messages";
import { nothing, panel } from "../panel";
import { fill, h, listen, write } from "../ui/element";
import { rescue } from "../ui/focus";
import { percent } from "../ui/number";
import { Standing } from "../ui/standing";
import { segments } from "../ui/toolbar";
import { watchVisible } from "../ui/visibility";
import { ScaleBar } from "./attribution/scale";
import type { Prediction } from "./attribution/target";
import { methodOf } from "./attribution/wish";
import { CLIP } from "./sweep/cell";
import { type Entry, type Look, labelOf, layered, type Question, TOPIC, USUAL, wishOf } from "./sweep/known";
import { Cells } from "./sweep/strip";
import "../ui/theme.css";
import "../ui/controls.css";
import "../ui/figure.css";
import "./sweep_view.css";

const LOOK = Object.keys(USUAL) as (keyof Look)[];
const QUESTIONS = Object.keys(TOPIC) as Question[];
const WORKING = ["waiting", "refining", "stale"];
const MEASURE =
  "Number and bar: the area between the target's curves while pixels are put in and taken away in the order of " +
  "the map. 1 is best, 0 is chance.";
const TITLES: Record<Question, string> = { layer: "Which layer?", method: "Which method?" };

/** The part of the client that the view uses, so that a page without a kernel can stand in for it. */
export type ClientLike = Pick<Client, "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed">;
type ModelLike = Pick<PanelModel, "get" | "set" | "save_changes" | "on" | "off">;

export class SweepView {
  #title = h("b", {});
  #rest = h("span", { class: "xw-title-rest" });
  #question = segments({
    label: "Question",
    quiet: true,
    value: "layer",
    segments: [
      { value: "layer", label: "Layers", help: "The selected method at every layer" },
      { value: "method", label: "Methods", help: "One method of each family" },
    ],
    onChange: (question) => this.#set({ question: question as Question }),
  });
  #fill = segments({
    label: "Removed pixels become",
    value: "blur",
    segments: [
      { value: "blur", label: "Blur", help: "The blurred picture" },
      { value: "mean", label: "Mean", help: "The picture's mean colour" },
      { value: "noise", label: "Noise", help: "Noise of the selection's seed" },
    ],
    onChange: (value) => this.#set({ fill: value }),
  });
  #scaling = segments({
    label: "Colours",
    value: "own",
    segments: [
      {
        value: "own",
        label: "Each its own",
        help: "Each map has a scale of its own; its end is beside the figure",
      },
      { value: "shared", label: "One scale", help: "All maps share one scale" },
    ],
    onChange: (scale) => this.#set({ scale: scale as Look["scale"] }),
  });
  #mark = h("span", { class: "xw-sw-best" });
  #name = h("b", {});
  #reason = h("span", { class: "xw-sw-reason" });
  #go = h("button", { type: "button", class: "xw-button" }, "Select it");
  #answer = h("p", { class: "xw-sw-answer" }, this.#mark, " ", this.#name, " ", this.#reason);
  #cells = new Cells((name) => this.client.select({ [this.#look.question]: name }));
  #refused = h("details", { class: "xw-refused xw-note", hidden: true });
  #scale = new ScaleBar();
  #on = h("button", { type: "button", class: "xw-button", hidden: true }, "Go on");
  #standing: Standing;
  #frames = new Map<Question, Frame>();
  #top: Prediction[] = [];
  #topOf: number | null = null;
  /** The wish whose work a person has stopped. */
  #stopped: string | null = null;
  #visible = false;
  #offs: (() => void)[] = [];

  constructor(
    private readonly client: ClientLike,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
  ) {
    this.#standing = new Standing(
      root,
      () => this.#stop(),
      () => this.#ask(),
    );
    this.#build();
    this.#wire();
  }

  dispose(): void {
    for (const off of this.#offs) off();
    this.#standing.dispose();
    this.root.replaceChildren();
  }

  get #look(): Look {
    return Object.fromEntries(LOOK.map((key) => [key, this.model.get(key) ?? USUAL[key]])) as unknown as Look;
  }

  get #feed() {
    return this.client.feed(TOPIC[this.#look.question]);
  }

  get #frame(): Frame | null {
    return this.#frames.get(this.#look.question) ?? null;
  }

  get #wish(): Params | null {
    const { welcome, values } = this.client;
    return welcome && wishOf(welcome, values, this.#look);
  }

  #build(): void {
    const { root } = this;
    root.classList.add("xw-root", "xw-sweep-view");
    root.tabIndex = -1;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Sweep");
    const line = h("span", { class: "xw-title-line" }, this.#title);
    const title = h("h3", { class: "xw-title" }, line, this.#rest);
    const head = h("div", { class: "xw-head" }, title, this.#question.element);
    const options = h("div", { class: "xw-sw-options" }, this.#fill.element, this.#scaling.element);
    const best = h("div", { class: "xw-sw-head" }, this.#answer, this.#go);
    const stage = h("div", { class: "xw-stage" }, this.#cells.element, this.#standing.notice.element);
    const foot = h(
      "div",
      { class: "xw-foot" },
      h("div", { class: "xw-sw-legend" }, this.#scale.element, h("p", { class: "xw-note" }, MEASURE)),
      h("div", { class: "xw-sw-state" }, this.#on, this.#standing.words),
    );
    const body = h(
      "div",
      { class: "xw-main" },
      this.#standing.line,
      best,
      options,
      stage,
      this.#refused,
      foot,
    );
    root.replaceChildren(h("div", { class: "xw-frame" }, head, body));
  }

  #wire(): void {
    const { client, root } = this;
    const off = this.#offs;
    off.push(client.onWelcome(() => this.#refresh()));
    off.push(client.onSelect((_, changed) => this.#selected(changed)));
    for (const question of QUESTIONS) {
      const feed = client.feed(TOPIC[question]);
      off.push(feed.onFrame((frame) => this.#arrived(question, frame)));
      off.push(
        feed.onStatus((status) => {
          if (question === this.#look.question) this.#showStatus(status);
        }),
      );
    }
    off.push(client.feed("predictions").onFrame((frame) => this.#predicted(frame)));
    for (const key of LOOK) {
      const changed = () => (key === "scale" ? this.#draw() : this.#refresh());
      this.model.on(`change:${key}`, changed);
      off.push(() => this.model.off(`change:${key}`, changed));
    }
    off.push(listen(root, "keydown", (event) => this.#keydown(event)));
    this.#go.addEventListener("click", () => this.#choose(this.#frame?.meta?.best));
    this.#on.addEventListener("click", () => {
      rescue(this.#on);
      this.#stopped = null;
      this.#ask();
    });
    off.push(
      watchVisible(root, (visible) => {
        this.#visible = visible;
        if (visible) this.#refresh();
      }),
    );
    this.#draw();
    this.#showStatus(this.#feed.status);
  }

  // -- asking ----------------------------------------------------------------------------------------

  #refresh(): void {
    if (!this.client.welcome) return;
    this.#standing.greeted();
    this.#ask();
    this.#draw();
    this.#showStatus(this.#feed.status);
  }

  #selected(changed: Set<keyof Values>): void {
    if ([...changed].some((key) => key !== "channel")) this.#refresh();
  }

  #ask(): void {
    const { welcome, values } = this.client;
    const { question } = this.#look;
    if (!this.#visible || !welcome) return;
    // What nobody looks at any more need not be worked out.
    for (const other of QUESTIONS) if (other !== question) this.client.feed(TOPIC[other]).cancel();
    const wish = this.#wish;
    if (!wish) {
      this.#feed.cancel();
      return;
    }
    this.client.feed("predictions").request({ image: values.image });
    if (canonical(wish) === this.#stopped) return;
    this.#stopped = null;
    this.#feed.request(wish);
    // A second view of the model asks for what the first one has: the feed says nothing twice.
    const known = this.#feed.peek(wish);
    if (known) this.#frames.set(question, known);
  }

  #stop(): void {
    this.#stopped = canonical(this.#wish);
    this.#feed.cancel();
  }

  #arrived(question: Question, frame: Frame): void {
    this.#frames.set(question, frame);
    this.#draw();
  }

  #predicted(frame: Frame): void {
    this.#top = frame.meta?.top ?? [];
    this.#topOf = Number(frame.params.image);
    this.#draw();
  }

  // -- showing -----------------------------------------------------------------------------------------

  #draw(): void {
    const { welcome, values } = this.client;
    const look = this.#look;
    const { question } = look;
    const frame = this.#frame;
    this.#question.set(question);
    this.#fill.set(look.fill);
    this.#scaling.set(look.scale);
    this.#scaling.element.hidden = question === "method"; // their maps are of different units
    write(this.#title, TITLES[question]);
    if (!welcome || !this.#visible) return;
    const entries: Entry[] = frame?.meta?.entries ?? [];
    const label = (name: string) => labelOf(welcome, question, name);
    const selected = values[question];
    const shared = look.scale === "shared" && question === "layer";
    const best: string | null = frame?.meta?.best ?? null;
    const limit = this.#cells.show({ entries, frame, label, best, selected, shared });
    this.#cells.element.setAttribute("aria-label", TITLES[question]);
    const sign = entries.some(({ signed }) => !signed) ? "positive" : "both";
    this.#scale.show(limit, { sign, colormap: "auto", clip: CLIP });
    this.#showAnswer(best, selected, entries, label);
    this.#showRefused(entries, label);
    this.#showTitle();
    const { dataset } = this.root;
    dataset.question = question;
    dataset.best = best ?? "";
    dataset.selected = selected ?? "";
    dataset.judged = String(entries.filter(({ score }) => score !== null).length);
    this.#markOld();
    this.#showEmpty();
  }

  #showAnswer(
    best: string | null,
    selected: string | null,
    entries: readonly Entry[],
    label: (name: string) => string,
  ): void {
    const final = this.#frame?.step.final ?? false;
    this.#mark.hidden = best === null;
    write(this.#mark, final ? "Best" : "Best so far");
    write(this.#name, best === null ? "" : `${label(best)}:`);
    const failed = final && entries.length > 0;
    write(
      this.#reason,
      best === null
        ? failed
          ? "None gave a map."
          : "Held against the network one by one."
        : `${this.#frame!.meta.reason}.`,
    );
    this.#go.disabled = best === null || best === selected;
    write(this.#go, best !== null && best === selected ? "Selected" : "Select it");
  }

  #showRefused(entries: readonly Entry[], label: (name: string) => string): void {
    const failed = entries.filter(({ failure }) => failure);
    this.#refused.hidden = failed.length === 0;
    if (failed.length === 0) return;
    const one = failed.length === 1 ? "One gives no map" : `${failed.length} give no map`;
    const rows = failed.map(({ name, failure }) => h("li", {}, h("b", {}, label(name)), ` ${failure}`));
    fill(this.#refused, [h("summary", {}, one), h("ul", {}, ...rows)]);
  }

  /** What the strip shows, which may be older than what is wished. */
  #showTitle(): void {
    const { welcome, values } = this.client;
    const frame = this.#frame;
    const target = frame?.meta?.target;
    const chance =
      this.#topOf === frame?.params.image
        ? this.#top.find(({ index }) => index === target?.index)?.probability
        : null;
    const method = String(frame?.params.method ?? values.method);
    const what = this.#look.question === "layer" ? labelOf(welcome!, "method", method) : "One of each family";
    const words = [
      what,
      target && `for ${target.label}`,
      typeof chance === "number" ? percent(chance) : null,
    ];
    write(this.#rest, words.filter(Boolean).join(" "));
    this.#rest.title = this.#rest.textContent ?? "";
  }

  #markOld(): void {
    const frame = this.#frame;
    const old = frame !== null && canonical(frame.params) !== canonical(this.#wish);
    this.root.toggleAttribute("data-outdated", old);
  }

  #showStatus(status: Status): void {
    const told = this.#standing.show(status, null, this.#frame === null);
    this.root.toggleAttribute("data-told", told);
    this.#on.hidden = status.phase !== "cancelled" || this.#stopped === null;
    this.#markOld();
    this.#showEmpty();
  }

  #showEmpty(): void {
    if (this.root.hasAttribute("data-told")) return;
    const { welcome, values } = this.client;
    const { notice } = this.#standing;
    if (!welcome) return;
    if (welcome.images.length === 0) notice.show("No image yet", "A sweep explains one.", "Add an image.");
    else if (this.#look.question === "layer" && !layered(welcome, values)) {
      const usable = welcome.methods.filter(({ needs, invalid }) => needs.includes("layer") && !invalid);
      const names = usable.slice(0, 3).map(({ label }) => label);
      const method = methodOf(welcome, values)?.label ?? values.method;
      notice.show(
        "No layers to compare",
        `${method} looks at no layer.`,
        `Take ${names.join(", ")} or the like.`,
      );
    } else notice.hide();
  }

  // -- hands -------------------------------------------------------------------------------------------

  #choose(name: string | null | undefined): void {
    if (!name) return;
    this.client.select({ [this.#look.question]: name });
    this.#cells.reveal(name);
  }

  #set(changes: Partial<Look>): void {
    for (const [key, value] of Object.entries(changes)) this.model.set(key, value); // which draws
    this.model.save_changes();
  }

  #keydown(event: KeyboardEvent): void {
    if (event.key !== "Escape" || !WORKING.includes(this.#feed.status.phase)) return;
    event.preventDefault();
    this.#stop();
  }
}

export default panel(nothing, (client, model, el) => {
  const root = document.createElement("div");
  el.append(root);
  return new SweepView(client, model, root);
});
