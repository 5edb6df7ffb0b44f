/** FeatureVisualization: what a unit likes, made while you watch; held, gone on with, started anew. */

import type { Client, Frame, PanelModel, Params, Status, Values } from "../live/client";
import { canonical } from "../live/messages";
import { nothing, panel } from "../panel";
import { combobox } from "../ui/combobox";
import { h, listen, write } from "../ui/element";
import { EvidenceLine } from "../ui/evidence";
import { type Declared, Parameters } from "../ui/parameters";
import { select } from "../ui/select";
import { Standing } from "../ui/standing";
import { segments } from "../ui/toolbar";
import { watchVisible } from "../ui/visibility";
import { classChoices, keysOf, mainFirst, NOBODY, type Prediction, targetOf } from "./attribution/target";
import { ExampleStrip, Pictures } from "./visualization/pictures";
import { Score } from "./visualization/score";
import "../ui/theme.css";
import "../ui/controls.css";
import "../ui/figure.css";
import "./feature_visualization.css";

/** So many iterations at a press of Step, and for a first look at another unit while it is held. */
const BLOCK = 16;
const TRAITS = ["unit", "settings", "steps", "attempt", "playing", "most", "_params", "_source"] as const;

interface LayerChoice {
  name: string;
  kind: string;
  channels: number;
}

type ClientLike = Pick<Client, "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed">;
type ModelLike = Pick<PanelModel, "get" | "set" | "save_changes" | "on" | "off">;

export class FeatureVisualization {
  #pictures = new Pictures();
  #examples = new ExampleStrip();
  #score = new Score();
  #evidence = new EvidenceLine();
  #standing: Standing;
  #title = h("b", {}, "What a unit likes");
  #rest = h("span", { class: "xw-title-rest" });
  #hold = button("Pause", () => this.#toggle());
  #step = button("Step", () => this.#goOn());
  #anew = button("Restart", () => this.#set({ attempt: this.model.get("attempt") + 1, playing: true }));
  #count = h("span", { class: "xw-fv-count", "aria-live": "off" });
  #unit = segments({
    label: "Unit",
    quiet: true,
    value: "channel",
    segments: [
      { value: "channel", label: "Channel", help: "The mean of one channel over all positions" },
      { value: "neuron", label: "Neuron", help: "One channel at the middle position" },
      { value: "class", label: "Class", help: "The score of the target" },
    ],
    onChange: (unit) => this.#set({ unit }),
  });
  #layer = select({
    label: "Layer",
    options: [],
    value: "",
    onChange: (layer) => this.client.select({ layer, channel: 0 }),
  });
  #channel = new Parameters((_, channel) => this.client.select({ channel: channel as number }));
  #class = combobox({
    label: "Class",
    placeholder: "Search classes",
    help: "The class whose score is climbed.",
    onPick: (key) =>
      this.client.select({
        target: targetOf(key, NOBODY, this.#top[0]?.index ?? null, this.client.values.target),
      }),
  });
  #params = new Parameters((name, value) => this.#setting(name, value));
  #layers: readonly LayerChoice[] = [];
  #top: readonly Prediction[] = [];
  #frame: Frame | null = null;
  /** What is wished, how far, and whether it is held there. */
  #key = "";
  #until = 0;
  #held = false;
  #visible = false;
  #offs: (() => void)[] = [];

  constructor(
    private readonly client: ClientLike,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
  ) {
    this.#standing = new Standing(
      root,
      () => this.#pause(),
      () => this.#feed.again(),
    );
    this.#build();
    this.#wire();
  }

  dispose(): void {
    for (const off of this.#offs) off();
    this.#class.dispose();
    this.#standing.dispose();
    this.root.replaceChildren();
  }

  get #feed() {
    return this.client.feed("feature");
  }

  get #running(): boolean {
    return ["waiting", "refining", "stale"].includes(this.#feed.status.phase);
  }

  #build(): void {
    const { root } = this;
    root.classList.add("xw-root", "xw-feature-visualization");
    root.tabIndex = -1;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Feature visualization");
    const title = h(
      "h3",
      { class: "xw-title" },
      h("span", { class: "xw-title-line" }, this.#title),
      this.#rest,
    );
    const bar = h("div", { class: "xw-fv-bar" }, this.#hold, this.#step, this.#anew, this.#count);
    const stage = h("div", { class: "xw-stage" }, this.#pictures.element, this.#standing.notice.element);
    const foot = h("div", { class: "xw-foot" }, this.#evidence.element, this.#standing.words);
    const making = h("div", { class: "xw-fv-making" }, stage, bar, this.#score.element);
    const beside = h("div", { class: "xw-fv-beside" }, making, this.#examples.element);
    const main = h("div", { class: "xw-main" }, this.#standing.line, beside, foot);
    const unit = h(
      "fieldset",
      { class: "xw-group" },
      h("legend", { class: "xw-sr" }, "Which unit"),
      this.#layer.element,
      this.#channel.element,
      this.#class.element,
    );
    const how = h(
      "fieldset",
      { class: "xw-group" },
      h("legend", { class: "xw-sr" }, "How it is made"),
      this.#params.element,
    );
    const controls = h("div", { class: "xw-fv-controls" }, unit, how);
    const head = h("div", { class: "xw-head" }, title, this.#unit.element);
    const body = h("div", { class: "xw-body" }, main, controls);
    root.replaceChildren(h("div", { class: "xw-frame" }, head, body));
  }

  #wire(): void {
    const { client, model } = this;
    const again = () => this.#refresh();
    for (const name of TRAITS) model.on(`change:${name}`, again);
    this.#offs.push(
      () => {
        for (const name of TRAITS) model.off(`change:${name}`, again);
      },
      client.onWelcome(() => {
        this.#standing.greeted();
        this.#refresh();
      }),
      client.onSelect((_, changed) => this.#selected(changed)),
      client.feed("layers").onFrame(({ meta }) => {
        this.#layers = meta?.layers ?? [];
        this.#controls();
      }),
      client.feed("predictions").onFrame(({ meta }) => {
        this.#top = meta?.top ?? [];
        this.#controls();
      }),
      client.feed("examples").onFrame((frame) => this.#examples.show(frame)),
      client.feed("examples").onStatus(({ phase, failure }) => {
        if (phase === "error" && failure) this.#examples.say(`${failure.message} ${failure.hint}`);
      }),
      this.#feed.onFrame((frame) => this.#arrived(frame)),
      this.#feed.onStatus((status) => this.#status(status)),
      listen(this.root, "keydown", (event) => this.#keydown(event)),
      watchVisible(this.root, (visible) => {
        this.#visible = visible;
        if (visible) this.#refresh();
      }),
    );
    this.#status(this.#feed.status);
  }

  #selected(changed: Set<keyof Values>): void {
    const ours: readonly (keyof Values)[] =
      this.model.get("unit") === "class" ? ["image", "target"] : ["layer", "channel"];
    if (ours.some((key) => changed.has(key))) this.#refresh();
  }

  #refresh(): void {
    if (!this.client.welcome || !this.#visible) return;
    this.#controls();
    this.#ask();
  }

  // -- asking ------------------------------------------------------------------------------------------

  /** The unit: what it does not depend on is left out of sight, so that it asks for nothing new. */
  get #about(): Params {
    const { image, target, layer, channel } = this.client.values;
    const unit = this.model.get("unit");
    if (unit === "class") return { unit, image, target, layer: null, channel: 0 };
    return { unit, image: 0, target: null, layer, channel: channel ?? 0 };
  }

  get #subject(): Params {
    return { ...this.#about, settings: this.model.get("settings"), seed: this.model.get("attempt") };
  }

  #ask(): void {
    const { client, model } = this;
    client.feed("layers").request({ image: 0 });
    if (model.get("unit") === "class") client.feed("predictions").request({ image: client.values.image });
    client
      .feed("examples")
      .request({ ...this.#about, source: model.get("_source"), count: model.get("most") });
    const key = canonical(this.#subject);
    const playing = model.get("playing");
    if (key !== this.#key) {
      this.#key = key;
      this.#held = false;
      this.#until = Math.min(BLOCK, model.get("steps"));
    }
    if (playing) {
      this.#held = false;
      this.#until = model.get("steps");
    }
    if (!this.#held) this.#feed.request({ ...this.#subject, until: this.#until });
  }

  #toggle(): void {
    if (this.#running) this.#pause();
    else this.#set({ playing: true, ...(this.#ended ? { steps: this.#more } : {}) });
    if (this.model.get("playing")) this.#refresh();
  }

  /** Stop between two iterations; the kernel keeps the pictures where they are. */
  #pause(): void {
    this.#held = true;
    this.#set({ playing: false });
    this.#feed.cancel();
  }

  #goOn(): void {
    const reached = Math.max(this.#iterations, Math.round(this.#feed.status.done * this.#until));
    this.#held = false;
    this.#set({ playing: false });
    this.#until = Math.min(1024, reached + BLOCK);
    this.#ask();
  }

  /** How far the pictures on the screen are; 0 where they are another unit's. */
  get #iterations(): number {
    return this.#current ? Number(this.#frame?.meta?.iterations ?? 0) : 0;
  }

  get #current(): boolean {
    if (!this.#frame) return false;
    const { until: _, ...subject } = this.#frame.params;
    return canonical(subject) === canonical(this.#subject);
  }

  get #ended(): boolean {
    return this.#iterations >= this.model.get("steps");
  }

  get #more(): number {
    return Math.min(1024, this.model.get("steps") * 2);
  }

  // -- showing -----------------------------------------------------------------------------------------

  #arrived(frame: Frame): void {
    this.#frame = frame;
    this.#pictures.show(frame);
    const history = frame.arrays.history?.data ?? [];
    this.#score.set(history, Math.max(this.model.get("steps"), history.length));
    this.#evidence.show(frame.meta?.evidence ?? null);
    this.root.dataset.iterations = String(frame.meta?.iterations ?? 0);
    if (!this.#current) this.#standing.follows();
    this.#words();
  }

  #status(status: Status): void {
    if (!this.#standing.show(status, null, this.#frame === null)) this.#standing.notice.hide();
    this.#words();
  }

  #words(): void {
    const frame = this.#frame;
    const steps = this.model.get("steps");
    write(this.#title, frame?.meta?.label ?? "What a unit likes");
    const settings = frame?.params.settings as { parametrisation?: string } | undefined;
    const kind = settings?.parametrisation ?? "fourier";
    write(this.#rest, frame ? `${kind} · seed ${frame.params.seed}` : "");
    write(this.#count, frame ? `${frame.meta.iterations} of ${Math.max(steps, frame.meta.iterations)}` : "");
    write(this.#hold, this.#running ? "Pause" : this.#ended ? "Go on" : "Resume");
    this.root.toggleAttribute("data-outdated", frame !== null && !this.#current);
  }

  #controls(): void {
    const { client, model } = this;
    const { welcome, values } = client;
    if (!welcome) return;
    const unit = model.get("unit");
    this.#unit.set(unit);
    this.#layer.element.hidden = this.#channel.element.hidden = unit === "class";
    this.#class.element.hidden = unit !== "class";
    this.#layer.options(this.#layers.map(({ name, kind }) => ({ value: name, label: `${name} · ${kind}` })));
    this.#layer.set(values.layer ?? "");
    const count = this.#layers.find(({ name }) => name === values.layer)?.channels ?? 1;
    this.#channel.show([channelOf(count)], { channel: values.channel ?? 0 });
    this.#channel.element.hidden = unit === "class";
    const { main } = keysOf(values.target);
    this.#class.set(main);
    this.#class.choices(classChoices(welcome.classes, this.#top), mainFirst(this.#top));
    const declared = model.get("_params") as Declared[];
    this.#params.show(declared, { ...model.get("settings"), steps: model.get("steps") });
  }

  // -- hands -------------------------------------------------------------------------------------------

  #setting(name: string, value: unknown): void {
    if (name === "steps") this.#set({ steps: value });
    else this.#set({ settings: { ...this.model.get("settings"), [name]: value } });
  }

  #set(values: Params): void {
    for (const [key, value] of Object.entries(values)) this.model.set(key, value); // which asks
    this.model.save_changes();
  }

  #keydown(event: KeyboardEvent): void {
    if (event.key !== "Escape" || !this.#running) return;
    this.#pause();
    event.preventDefault();
  }
}

function channelOf(count: number): Declared {
  const range = { low: 0, high: Math.max(0, count - 1), step: 1, log: false, choices: null };
  const words = { label: "Channel", unit: "", help: `Of ${count}.` };
  return { name: "channel", kind: "int", default: 0, ...range, ...words };
}

function button(label: string, act: () => void): HTMLButtonElement {
  const made = h("button", { type: "button", class: "xw-button" }, label);
  made.addEventListener("click", act);
  return made;
}

export default panel(nothing, (client, model, el) => {
  const root = document.createElement("div");
  el.append(root);
  return new FeatureVisualization(client, model, root);
});
