/** The edge of the lab: the baseline and how it is made, what is explained, and how maps are coloured. */

import { colormap } from "../../draw/colormap";
import { defaultColormap } from "../../draw/heatmap";
import type { Params } from "../../live/client";
import { h, write } from "../../ui/element";
import { enable } from "../../ui/field";
import { type Declared, Parameters } from "../../ui/parameters";
import { type Option, select } from "../../ui/select";
import { slider } from "../../ui/slider";
import { swatches } from "../../ui/swatches";
import { segments } from "../../ui/toolbar";
import { BaselineField, imageNames } from "../attribution/baseline";
import { swatchesFor } from "../attribution/colours";
import { group } from "../attribution/controls";
import { keysOf, mainFirst, OTHER, targetOf } from "../attribution/target";
import { BaselineCanvas, type Brush } from "./canvas";
import { type Actions, chosen, DISTRIBUTION, type Known, METHOD } from "./known";
import { Preview } from "./preview";
import { full, type Stroke, strokesOf } from "./strokes";

const BRUSH: readonly Declared[] = [
  { ...declared("color", "Brush colour"), kind: "color" },
  { ...declared("size", "Brush size"), low: 1, high: 60, step: 1, log: true, unit: "%" },
];

export class Controls {
  readonly element: HTMLElement;
  readonly canvas = new BaselineCanvas((strokes) => this.#paint(strokes));
  readonly preview: Preview;
  #known: Known | null = null;
  #baseline = new BaselineField((baseline) => this.actions.select({ baseline }));
  #summary = h("p", { class: "xw-note" });
  #pick = button("Pick from the image", () => this.#picking());
  #grey = slider({
    label: "Grey level",
    low: 0,
    high: 255,
    step: 1,
    integer: true,
    value: 128,
    onInput: (level) => this.#recolour(`#${level.toString(16).padStart(2, "0").repeat(3)}`),
  });
  #brush = new Parameters((name, value) => this.#rebrush({ [name]: value }));
  #undo = button("Undo", () => this.#paint(this.#strokes.slice(0, -1)));
  #clear = button("Clear", () => this.#paint([]));
  #count = h("p", { class: "xw-note" });
  #colourTools: HTMLElement;
  #paintTools: HTMLElement;
  #image = select({
    label: "Image",
    options: [],
    value: "0",
    onChange: (index) => this.actions.select({ image: Number(index) }),
  });
  #target = select({
    label: "Explained",
    help: "The class whose score is explained.",
    options: [],
    value: "",
    onChange: (key) =>
      this.actions.select({ target: targetOf(key, "none", null, this.#known!.values.target) }),
  });
  #scale = segments({
    label: "Colour scale",
    value: "shared",
    segments: [
      { value: "shared", label: "Shared", help: "A colour means the same in every map" },
      { value: "own", label: "Own", help: "Each map uses all colours" },
    ],
    onChange: (scale) => this.actions.look({ scale: scale as "shared" | "own" }),
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
  #colormap = swatches({
    label: "Colours",
    value: "auto",
    onChange: (name) => this.actions.look({ colormap: name }),
  });

  constructor(private readonly actions: Actions) {
    this.preview = new Preview(this.canvas, (spot) => actions.point(spot));
    this.#colourTools = h("div", { class: "xw-bl-tools", hidden: true }, this.#grey.element);
    this.#paintTools = h(
      "div",
      { class: "xw-bl-tools", hidden: true },
      this.#brush.element,
      h("div", { class: "xw-bl-buttons" }, this.#undo, this.#clear),
      this.#count,
    );
    this.element = h(
      "div",
      { class: "xw-bl-side" },
      this.preview.element,
      group(
        "Baseline",
        this.#baseline.elements[0]!,
        this.#summary,
        this.#baseline.elements[1]!,
        this.#colourTools,
        this.#paintTools,
      ),
      group(
        "Shown",
        h("div", { class: "xw-bl-pair" }, this.#image.element, this.#target.element),
        this.#scale.element,
        this.#clip.element,
        this.#colormap.element,
      ),
    );
    this.#colormap.options(swatchesFor(defaultColormap("both")));
  }

  show(known: Known, targetLabel: string | null): void {
    this.#known = known;
    const { welcome, values, look } = known;
    this.#baseline.show(welcome, { ...values, method: METHOD }, DISTRIBUTION);
    this.#showTools(chosen(welcome, values));
    this.#image.options(imageNames(welcome).map((label, i) => ({ value: String(i), label })));
    this.#image.set(String(values.image));
    this.#showTarget(known, targetLabel);
    this.#scale.set(look.scale);
    this.#clip.set(look.clip);
    this.#colormap.set(look.colormap);
    const auto = colormap(defaultColormap("both")).label;
    this.#colormap.caption(look.colormap === "auto" ? `Auto: ${auto}` : colormap(look.colormap).label);
    enable(this.#scale as never, look.tab === "compare" || look.tab === "references");
    for (const control of [this.#clip, this.#colormap]) enable(control as never, look.tab !== "ablation");
    this.preview.show(known);
  }

  /** Leave the eyedropper; whether it was in hand. */
  escape(): boolean {
    const { picking } = this.preview;
    if (picking) this.#drop();
    return picking;
  }

  #showTarget({ welcome, values, top }: Known, targetLabel: string | null): void {
    const { target } = values;
    const { main, versus } = keysOf(target);
    const key = versus === "none" ? main : OTHER;
    const options: Option[] = mainFirst(top).map(option);
    if (top[0]) options[0]!.label = `${top[0].name}, predicted`;
    const label = welcome.classes?.[Number(key)] ?? targetLabel ?? "…";
    if (!options.some(({ value }) => value === key)) options.push({ value: key, label });
    this.#target.options(options);
    this.#target.set(key);
  }

  #showTools(baseline: Params): void {
    const { welcome } = this.#known!;
    write(this.#summary, welcome.baselines.find(({ name }) => name === baseline.name)?.summary ?? "");
    const [colour, painted] = [baseline.name === "color", baseline.name === "painted"];
    if (!colour && !painted) this.escape();
    this.#colourTools.hidden = !colour;
    this.#paintTools.hidden = !painted;
    const tools = colour ? this.#colourTools : this.#paintTools;
    // Moved only where it must be: an element that is put in again loses the focus.
    if (this.#pick.parentElement !== tools) tools.prepend(this.#pick);
    if (colour) this.#grey.set(level(String(baseline.color)));
    if (painted) this.#showBrush(strokesOf(baseline));
  }

  #showBrush(strokes: readonly Stroke[]): void {
    this.#brush.show(BRUSH, { ...this.canvas.brush });
    this.#undo.disabled = this.#clear.disabled = strokes.length === 0;
    const words = strokes.length === 0 ? "Paint on the baseline: press and drag." : count(strokes.length);
    write(this.#count, full(strokes) ?? words);
  }

  get #strokes(): Stroke[] {
    const { welcome, values } = this.#known!;
    return strokesOf(chosen(welcome, values));
  }

  #paint(strokes: Stroke[]): void {
    const { welcome, values } = this.#known!;
    this.actions.select({ baseline: { ...chosen(welcome, values), strokes } });
  }

  #picking(): void {
    if (this.escape()) return;
    this.#pick.setAttribute("aria-pressed", "true");
    this.preview.pick((color) => {
      this.#drop();
      this.#recolour(color);
    });
  }

  #drop(): void {
    this.#pick.setAttribute("aria-pressed", "false");
    if (this.preview.picking) this.preview.stop();
    if (this.element.contains(document.activeElement)) this.#pick.focus();
  }

  /** A colour for whatever takes one: the baseline itself, or the brush. */
  #recolour(color: string): void {
    const { welcome, values } = this.#known!;
    const baseline = chosen(welcome, values);
    if (baseline.name === "color") this.actions.select({ baseline: { ...baseline, color } });
    else this.#rebrush({ color });
  }

  #rebrush(changes: Partial<Brush>): void {
    Object.assign(this.canvas.brush, changes);
    this.#showBrush(this.#strokes);
  }
}

function declared(name: string, label: string): Declared {
  const none = { default: null, low: null, high: null, step: null, log: false, choices: null };
  return { name, label, kind: "float", unit: "", help: "", ...none };
}

function button(label: string, press: () => void): HTMLButtonElement {
  const made = h("button", { type: "button", class: "xw-button" }, label);
  made.addEventListener("click", press);
  return made;
}

function option({ key, label, detail }: { key: string; label: string; detail?: string | undefined }): Option {
  return { value: key, label: [label, detail].filter(Boolean).join(" · ") };
}

function count(strokes: number): string {
  return strokes === 1 ? "1 stroke" : `${strokes} strokes`;
}

/** The grey that is as light as a colour (Rec. 601). */
function level(color: string): number {
  const part = (at: number) => Number.parseInt(color.slice(at, at + 2), 16) || 0;
  return Math.round(0.299 * part(1) + 0.587 * part(3) + 0.114 * part(5));
}
