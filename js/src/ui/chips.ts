/** A few chosen things as chips: take one away, add another. */

import { fill, h } from "./element";
import { icon } from "./icon";

export interface Chip {
  key: string;
  label: string;
  group?: string | undefined;
  disabled?: boolean | undefined;
  /** One of those that are chosen stands out. */
  marked?: boolean | undefined;
}

export class Chips {
  readonly element: HTMLElement;
  #list = h("div", { class: "xw-chip-list" });
  #add: HTMLSelectElement;
  #shown = "";

  /** `noun` is what one of them is called: "method". */
  constructor(
    private readonly noun: string,
    private readonly most: number,
    private readonly change: { add(key: string): void; drop(key: string): void },
  ) {
    this.#add = h("select", { class: "xw-select xw-chip-add", "aria-label": `Add a ${noun}` });
    this.#add.addEventListener("change", () => {
      const key = this.#add.value;
      this.#add.value = "";
      if (key) this.change.add(key);
    });
    this.element = h(
      "div",
      { class: "xw-chips", role: "group", "aria-label": `Compared ${noun}s` },
      this.#list,
      this.#add,
    );
  }

  show(chosen: readonly Chip[], offered: readonly Chip[]): void {
    const key = JSON.stringify([chosen, offered]);
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = this.#list.contains(document.activeElement);
    fill(
      this.#list,
      chosen.map((chip) => this.#chip(chip, chosen.length === 1)),
    );
    if (focused) this.#list.querySelector("button")?.focus({ preventScroll: true });
    const left = offered.filter(({ key }) => !chosen.some((one) => one.key === key));
    const full = chosen.length >= this.most;
    this.#add.disabled = full || left.length === 0;
    const first = full ? `${this.most} at most` : left.length === 0 ? "That is all" : `Add a ${this.noun} …`;
    fill(this.#add, [h("option", { value: "" }, first), ...grouped(left)]);
  }

  #chip({ key, label, marked }: Chip, last: boolean): HTMLElement {
    const words = last ? `One ${this.noun} must stay` : `Leave ${label} out`;
    const drop = h(
      "button",
      { type: "button", class: "xw-chip-drop", disabled: last, title: words, "aria-label": words },
      icon("close"),
    );
    drop.addEventListener("click", () => this.change.drop(key));
    return h("span", { class: "xw-chip", "data-marked": !!marked }, h("span", { title: label }, label), drop);
  }
}

function grouped(chips: readonly Chip[]): HTMLElement[] {
  const groups = new Map<string, HTMLElement>();
  const found: HTMLElement[] = [];
  for (const { key, label, group, disabled } of chips) {
    const option = h("option", { value: key, disabled }, label);
    if (!group) found.push(option);
    else {
      const known = groups.get(group) ?? h("optgroup", { label: group });
      if (!groups.has(group)) found.push(known);
      groups.set(group, known);
      known.append(option);
    }
  }
  return found;
}
