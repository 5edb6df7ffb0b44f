/** What is compared: the rows' methods, what the columns stand for, how it is shown, and the blind trial. */

import type { Params } from "../../live/client";
import { canonical } from "../../live/messages";
import { type Chip, Chips } from "../../ui/chips";
import { combobox } from "../../ui/combobox";
import { h, write } from "../../ui/element";
import { select } from "../../ui/select";
import { segments } from "../../ui/toolbar";
import { classChoices } from "../attribution/target";
import { short } from "../baselines/chips";
import { inFull } from "../baselines/known";
import { AXES, type Axis, type Column, hidden, type Known, type Look, MOST, methodName } from "./known";

export interface AxesActions {
  look(changes: Partial<Look>): void;
}

/** Baselines that are not one picture, or that would have to be painted first. */
const SPECIAL = new Set(["distribution", "painted", "image"]);

export class Axes {
  readonly element: HTMLElement;
  #known: Known | null = null;
  #values = new Map<string, unknown>();
  #rows = new Chips("method", MOST, {
    add: (key) => this.actions.look({ methods: [...this.#known!.look.methods, key] }),
    drop: (key) => this.actions.look({ methods: this.#known!.look.methods.filter((one) => one !== key) }),
  });
  #by = select({
    label: "Columns",
    help: "What the methods are compared by; everything else is as selected.",
    options: AXES.map(([value, label]) => ({ value, label })),
    value: "baselines",
    onChange: (by) => this.actions.look({ by: by as Axis }),
  });
  #columns = new Chips("column", MOST, {
    add: (key) => this.#set([...this.#chosen, this.#values.get(key)]),
    drop: (key) => this.#set(this.#chosen.filter((value) => canonical(value) !== key)),
  });
  #classes = combobox({
    label: "Add a class",
    placeholder: "Search classes",
    onPick: (key) => {
      if (key !== "") this.#set([...this.#chosen, Number(key)].slice(0, MOST));
    },
  });
  #view = segments({
    label: "View",
    value: "map",
    segments: [
      { value: "map", label: "Map" },
      { value: "blended", label: "Over picture" },
    ],
    onChange: (view) => this.actions.look({ view: view as Look["view"] }),
  });
  #scale = segments({
    label: "Colour scale",
    value: "each",
    segments: [
      { value: "each", label: "Each", help: "Every map has its own scale" },
      { value: "row", label: "Row", help: "The maps of a method share one" },
      { value: "all", label: "All", help: "One scale for all: methods have different units" },
    ],
    onChange: (scale) => this.actions.look({ scale: scale as Look["scale"] }),
  });
  #blind = h("button", { type: "button", class: "xw-button" });
  #end = h("button", { type: "button", class: "xw-button" }, "End trial");
  #words = h("p", { class: "xw-note xw-cmp-blind-words", role: "status" });

  constructor(private readonly actions: AxesActions) {
    this.#blind.addEventListener("click", () => this.#pressed());
    this.#end.addEventListener("click", () => this.actions.look({ blind: 0, revealed: false }));
    const rows = h(
      "div",
      { class: "xw-cmp-axis" },
      h("span", { class: "xw-label" }, "Rows"),
      this.#rows.element,
    );
    const columns = h(
      "div",
      { class: "xw-cmp-axis" },
      this.#by.element,
      h("div", { class: "xw-cmp-choices" }, this.#columns.element, this.#classes.element),
    );
    const trial = h("div", { class: "xw-cmp-trial" }, this.#blind, this.#end, this.#words);
    const shown = h("div", { class: "xw-cmp-shown" }, this.#view.element, this.#scale.element, trial);
    this.element = h("div", { class: "xw-cmp-axes" }, rows, columns, shown);
  }

  dispose(): void {
    this.#classes.dispose();
  }

  show(known: Known, suspects: ReadonlySet<string>): void {
    this.#known = known;
    const { welcome, look } = known;
    const blind = look.blind > 0;
    const methods = look.methods.map((key) => ({ key, label: methodName(welcome, key) }));
    const offered = welcome.methods.map(({ name, label, family, invalid }) => ({
      key: name,
      label,
      group: family,
      disabled: !!invalid,
    }));
    this.#rows.show(methods, offered);
    this.#by.set(look.by);
    this.#by.options(
      AXES.filter(([value]) => value !== "models" || look.others.length > 0 || look.by === "models").map(
        ([value, label]) => ({ value, label }),
      ),
    );
    // The chips would tell which columns are among those of a trial, but not which is which.
    this.#columns.show(this.#columnChips(), look.by === "targets" ? [] : this.#offers(known));
    const targets = look.by === "targets" && !blind;
    this.#classes.element.hidden = !targets;
    this.#columns.element.toggleAttribute("data-searched", look.by === "targets");
    if (targets) {
      this.#classes.choices(classChoices(welcome.classes, known.top));
      this.#classes.set("");
    }
    this.#view.set(look.view);
    this.#scale.set(look.scale);
    this.#showTrial(known, suspects);
  }

  get #chosen(): unknown[] {
    return this.#real().map(({ value }) => value);
  }

  #real(): Column[] {
    const columns = this.#known?.layout.columns.filter(({ control }) => control === null) ?? [];
    const named = this.#known?.look.columns ?? [];
    // Shuffled in a trial: in the order in which they were named, or by their names.
    const place = (column: Column) =>
      named.findIndex((value) => canonical(value) === canonical(column.value));
    if (!this.#known?.look.blind) return columns;
    return [...columns].sort((a, b) => place(a) - place(b) || a.label.localeCompare(b.label));
  }

  #columnChips(): Chip[] {
    return this.#real().map(({ value, label }) => {
      this.#values.set(canonical(value), value);
      return { key: canonical(value), label };
    });
  }

  #offers({ welcome, look, layers }: Known): Chip[] {
    const offer = (value: unknown, label: string): Chip => {
      this.#values.set(canonical(value), value);
      return { key: canonical(value), label };
    };
    switch (look.by) {
      case "baselines":
        return welcome.baselines
          .filter(({ name }) => !SPECIAL.has(name))
          .map(({ name }) => inFull(welcome, { name }) as Params)
          .map((value) => offer(value, short(welcome, value)));
      case "layers":
        return layers
          .filter(({ view }) => view === "maps" || view === "tokens")
          .map(({ name, kind }) => offer(name, `${name} · ${kind}`));
      case "images":
        return welcome.images.map(({ name }, i) => offer(i, name));
      case "models":
        return [offer(null, welcome.model), ...look.others.map((name) => offer(name, name))];
      default:
        return [];
    }
  }

  #set(columns: unknown[]): void {
    this.actions.look({ columns });
  }

  #showTrial(known: Known, suspects: ReadonlySet<string>): void {
    const { look, layout } = known;
    const blind = look.blind > 0;
    write(this.#blind, !blind ? "Blind trial" : look.revealed ? "Another trial" : "Reveal");
    this.#blind.title = blind
      ? ""
      : "Mix two controls in, unnamed: the network with shuffled weights, and an edge detector";
    this.#end.hidden = !blind;
    let words = "";
    if (blind && hidden(known))
      words =
        "Two columns are controls. Which? Mark them, then reveal. All maps show sizes, each on its own scale.";
    else if (blind) words = verdict(layout.columns, layout.letters, suspects);
    write(this.#words, words);
  }

  #pressed(): void {
    const { look } = this.#known!;
    if (look.blind > 0 && !look.revealed) this.actions.look({ revealed: true });
    else this.actions.look({ blind: 1 + Math.floor(Math.random() * 1e6), revealed: false });
  }
}

/** How well the controls were told apart. */
function verdict(columns: readonly Column[], letters: string, suspects: ReadonlySet<string>): string {
  const controls = [...letters].filter((_, i) => columns[i]?.control);
  if (suspects.size === 0) return `The controls were ${controls.join(" and ")}.`;
  const found = controls.filter((letter) => suspects.has(letter)).length;
  const wrong = suspects.size - found;
  const missed = wrong > 0 ? `, and took ${wrong} explanation${wrong > 1 ? "s" : ""} for one` : "";
  const told =
    found === controls.length && wrong === 0 ? "" : " What can't be told from a control says nothing.";
  return `You found ${found} of ${controls.length} controls${missed}.${told}`;
}
