/** The baselines that are compared, as chips: take one away, add another. */

import type { Params, Welcome } from "../../live/client";
import { canonical } from "../../live/messages";
import { attribute, fill, h } from "../../ui/element";
import { icon } from "../../ui/icon";
import { baselineWords } from "../attribution/words";
import { type Actions, chosen, DISTRIBUTION, inFull, type Known, MOST } from "./known";

export class Chips {
  readonly element = h("div", { class: "xw-bl-chips", role: "group", "aria-label": "Compared baselines" });
  #list = h("div", { class: "xw-bl-chip-list" });
  #add = h("select", { class: "xw-select xw-bl-add", "aria-label": "Add a baseline" });
  #offers: Params[] = [];
  #known: Known | null = null;
  #shown = "";

  constructor(private readonly actions: Actions) {
    this.element.append(this.#list, this.#add);
    this.#add.addEventListener("change", () => {
      const offer = this.#offers[Number(this.#add.value)];
      if (offer) this.#set([...this.#known!.look.baselines, offer]);
    });
  }

  show(known: Known): void {
    this.#known = known;
    const { welcome, values, look } = known;
    this.element.hidden = !!welcome.recorded;
    const compared = look.baselines.map((one) => canonical(inFull(welcome, one)));
    const own = chosen(welcome, values);
    const key = canonical([compared, own, welcome.images.length]);
    if (key === this.#shown) return;
    this.#shown = key;
    fill(
      this.#list,
      look.baselines.map((one, i) => this.#chip(one, i, compared[i] === canonical(own))),
    );
    this.#offer(compared, own);
  }

  #offer(compared: readonly string[], own: Params): void {
    const { welcome, look } = this.#known!;
    const usual = welcome.baselines.map(({ name }) => inFull(welcome, { name }));
    const single = usual.filter(
      ({ name }) => name !== DISTRIBUTION && name !== "painted" && name !== own.name,
    );
    this.#offers = [own, ...single].filter(
      (one) => one.name !== DISTRIBUTION && !compared.includes(canonical(one)),
    );
    const most = look.baselines.length >= MOST;
    this.#add.disabled = most;
    const first = most ? `${MOST} at most` : "Add a baseline …";
    const options = this.#offers.map((one, i) =>
      h("option", { value: i }, one === own ? `The chosen one: ${short(welcome, one)}` : short(welcome, one)),
    );
    fill(this.#add, [h("option", { value: "" }, first), ...options]);
  }

  #chip(baseline: Params, index: number, own: boolean): HTMLElement {
    const { welcome, look } = this.#known!;
    const words = short(welcome, baseline);
    const last = look.baselines.length === 1;
    const drop = h(
      "button",
      {
        type: "button",
        class: "xw-bl-drop",
        disabled: last,
        title: last ? "One baseline must stay" : `Leave ${words} out`,
        "aria-label": `Leave ${words} out`,
      },
      icon("close"),
    );
    drop.addEventListener("click", () => this.#set(look.baselines.filter((_, i) => i !== index)));
    const chip = h("span", { class: "xw-bl-chip" }, h("span", {}, words), drop);
    attribute(chip, "data-own", own);
    return chip;
  }

  #set(baselines: readonly Params[]): void {
    const { welcome } = this.#known!;
    this.actions.look({ baselines: baselines.map((one) => inFull(welcome, one)), selected: -1 });
  }
}

/** "Blur (σ 10 px)": a compared baseline in few words. */
export function short(welcome: Welcome, baseline: Params): string {
  return (baselineWords(welcome, baseline) ?? "").replace(" baseline", "");
}
