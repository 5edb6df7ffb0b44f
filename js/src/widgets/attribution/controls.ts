/** The edge of the view: what is explained, against which baseline, and how it is shown. */

import { colormap } from "../../draw/colormap";
import { defaultColormap } from "../../draw/heatmap";
import type { Values, Welcome } from "../../live/client";
import type { MethodSchema } from "../../live/messages";
import { fill, h, write } from "../../ui/element";
import { enable } from "../../ui/field";
import { icon } from "../../ui/icon";
import { Parameters } from "../../ui/parameters";
import { type Option, select } from "../../ui/select";
import { slider } from "../../ui/slider";
import { swatches } from "../../ui/swatches";
import { segments } from "../../ui/toolbar";
import { BaselineField, imageNames } from "./baseline";
import { ClassFields } from "./classes";
import { swatchesFor } from "./colours";
import type { LayerChoice } from "./kinds";
import type { Look } from "./panes";
import type { Prediction } from "./target";
import { methodOf, needs } from "./wish";

export interface Actions {
  select(values: Partial<Values>): void;
  look(changes: Partial<Look>): void;
}

export interface Known {
  welcome: Welcome;
  values: Values;
  top: readonly Prediction[];
  layers: readonly LayerChoice[];
  look: Look;
  signed: boolean;
  targetLabel: string | null;
}

const AUTO_LAYER = "";

export class Controls {
  readonly element: HTMLElement;
  readonly view;
  #known: Known | null = null;
  #remembered = new Map<string, Record<string, unknown>>();
  #classes = new ClassFields((target) => this.actions.select({ target }));
  #what: HTMLElement;
  #method = select({ label: "Method", options: [], value: "", onChange: (name) => this.#remethod(name) });
  #summary = h("p", { class: "xw-note" });
  #paper = h("span", { class: "xw-note-source" });
  #warning = h("p", { class: "xw-note xw-note-warning", hidden: true });
  #refusals = h("ul", {});
  #refused = h("details", { class: "xw-note xw-refused", hidden: true }, h("summary", {}), this.#refusals);
  #layer = select({
    label: "Layer",
    help: "The layer the method looks at.",
    options: [],
    value: "",
    onChange: (name) => this.actions.select({ layer: name === AUTO_LAYER ? null : name }),
  });
  #params = new Parameters((name, value) => this.#setParam(name, value));
  #baseline = new BaselineField((baseline) => this.actions.select({ baseline }));
  #baselineGroup: HTMLElement;
  #opacity = slider({
    label: "Opacity",
    low: 0,
    high: 1,
    step: 0.01,
    value: 0.75,
    help: "Of the map over the picture.",
    onInput: (opacity) => this.actions.look({ opacity }),
  });
  #clip = slider({
    label: "Clip at percentile",
    low: 50,
    high: 100,
    step: 0.5,
    value: 99,
    help: "Values beyond this percentile of their size take the end colours.",
    onInput: (clip) => this.actions.look({ clip }),
  });
  #top = slider({
    label: "Strongest pixels",
    unit: "%",
    low: 0.5,
    high: 100,
    log: true,
    value: 100,
    help: "Only this share of the pixels is shown.",
    onInput: (top) => this.actions.look({ top }),
  });
  #sign = segments({
    label: "Sign",
    value: "both",
    segments: [
      { value: "both", label: "±", spoken: "both", help: "For and against" },
      { value: "positive", label: "+", spoken: "positive", help: "Only what speaks for the target" },
      { value: "negative", label: "−", spoken: "negative", help: "Only what speaks against it" },
      { value: "absolute", label: "|v|", spoken: "size", help: "How strongly, either way" },
    ],
    onChange: (sign) => this.actions.look({ sign: sign as Look["sign"] }),
  });
  #colormap = swatches({
    label: "Colours",
    value: "auto",
    onChange: (name) => this.actions.look({ colormap: name }),
  });

  constructor(private readonly actions: Actions) {
    this.view = segments({
      label: "View",
      quiet: true,
      value: "side",
      segments: [
        { value: "side", label: "Side by side" },
        {
          value: "blended",
          label: "Blended",
          help: "Strong values cover the picture, weak ones let it through",
        },
        { value: "overlay", label: "Overlay", help: "The map over the picture, equally dense everywhere" },
        { value: "map", label: "Map" },
        { value: "image", label: "Image" },
      ],
      onChange: (view) => this.actions.look({ view: view as Look["view"] }),
    });
    this.#layer.element.hidden = true;
    this.#warning.append(icon("doubtful"), h("span", {}));
    this.#what = group("What", ...this.#classes.elements);
    const how = group(
      "How",
      this.#method.element,
      this.#summary,
      this.#warning,
      this.#refused,
      this.#layer.element,
      this.#params.element,
    );
    this.#baselineGroup = group("Compared with", ...this.#baseline.elements);
    const show = group(
      "Shown",
      this.#opacity.element,
      this.#clip.element,
      this.#top.element,
      this.#sign.element,
      this.#colormap.element,
    );
    this.element = h(
      "div",
      { class: "xw-controls" },
      h("div", { class: "xw-column" }, this.#what, this.#baselineGroup),
      h("div", { class: "xw-column" }, how),
      h("div", { class: "xw-column" }, show),
    );
  }

  show(known: Known): void {
    this.#known = known;
    this.#classes.show(known);
    this.#showMethod(known);
    this.#showBaseline(known);
    this.#showLook(known);
  }

  /** Put the fields of what is more than one class around those of a class: first the kind. */
  more([kind, ...fields]: readonly HTMLElement[]): void {
    if (kind) this.#what.firstElementChild?.after(kind); // the legend comes first
    this.#what.append(...fields);
  }

  /** Before the kernel has said what there is, nothing can be chosen. */
  sleep(on: boolean): void {
    this.element.inert = on;
    if (on) this.#colormap.options(swatchesFor(defaultColormap("both")));
  }

  dispose(): void {
    this.#classes.dispose();
  }

  #auto = "";

  #showMethod({ welcome, values, layers }: Known): void {
    const method = methodOf(welcome, values);
    this.#method.options(
      welcome.methods.map(({ name, label, family, invalid }) => ({
        value: name,
        label,
        group: family,
        disabled: !!invalid && name !== method?.name,
      })),
    );
    this.#method.set(method?.name ?? "");
    this.#showRefused(welcome.methods.filter(({ invalid }) => invalid));
    const summary = method?.summary ?? "";
    if (this.#summary.dataset.of !== summary) {
      this.#summary.dataset.of = summary;
      write(this.#paper, method?.paper ?? "");
      this.#summary.replaceChildren(summary, " ", this.#paper);
    }
    this.#warning.hidden = !method?.invalid;
    write(this.#warning.lastElementChild!, method?.invalid ?? "");
    this.#layer.element.hidden = !needs(method, "layer");
    this.#layer.options(layerOptions(layers, values.layer));
    this.#layer.set(values.layer ?? AUTO_LAYER);
    this.#params.show(method?.params ?? [], values.params, imageNames(welcome));
    if (method) this.#remembered.set(method.name, values.params);
  }

  /** Methods that the list greys, each with its reason. */
  #showRefused(methods: readonly MethodSchema[]): void {
    this.#refused.hidden = methods.length === 0;
    const fit = methods.length === 1 ? "1 method does" : `${methods.length} methods do`;
    write(this.#refused.firstElementChild!, `${fit} not fit this network`);
    const key = methods.map(({ name }) => name).join();
    if (this.#refusals.dataset.of === key) return;
    this.#refusals.dataset.of = key;
    fill(
      this.#refusals,
      methods.map(({ label, invalid }) => h("li", {}, h("b", {}, label), ` ${invalid}`)),
    );
  }

  #showBaseline({ welcome, values }: Known): void {
    this.#baselineGroup.hidden = !needs(methodOf(welcome, values), "baseline");
    this.#baseline.show(welcome, values);
  }

  #showLook({ look, signed }: Known): void {
    this.view.set(look.view);
    this.#opacity.set(look.opacity);
    this.#clip.set(look.clip);
    this.#top.set(look.top);
    this.#sign.set(signed ? look.sign : "absolute");
    const over = look.view === "overlay" || look.view === "blended";
    enable(this.#opacity as never, over);
    for (const control of [this.#clip, this.#top]) enable(control as never, look.view !== "image");
    enable(this.#sign as never, signed && look.view !== "image");
    const auto = defaultColormap(signed ? look.sign : "absolute");
    if (auto !== this.#auto) this.#colormap.options(swatchesFor(auto));
    this.#auto = auto;
    this.#colormap.set(look.colormap);
    const { label } = colormap(look.colormap === "auto" ? auto : look.colormap);
    this.#colormap.caption(look.colormap === "auto" ? `Auto: ${label}` : label);
  }

  /** Each method keeps the parameters it was left with. */
  #remethod(name: string): void {
    this.actions.select({ method: name, params: this.#remembered.get(name) ?? {} });
  }

  #setParam(name: string, value: unknown): void {
    this.actions.select({ params: { ...this.#known!.values.params, [name]: value } });
  }
}

/** Controls that belong together, named for those who do not see them stand together. */
export function group(title: string, ...children: HTMLElement[]): HTMLElement {
  return h("fieldset", { class: "xw-group" }, h("legend", { class: "xw-sr" }, title), ...children);
}

function layerOptions(layers: readonly LayerChoice[], current: string | null): Option[] {
  const fitting = layers.filter(({ view }) => view === "maps" || view === "tokens");
  const options = fitting.map(({ name, kind }) => ({ value: name, label: `${name} · ${kind}` }));
  if (current !== null && !fitting.some(({ name }) => name === current))
    options.push({ value: current, label: current });
  return [{ value: AUTO_LAYER, label: "Chosen by the method" }, ...options];
}
