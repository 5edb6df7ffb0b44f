/** The baselines that are compared, as chips: take one away, add another. */

import type { Params, Welcome } from "../../live/client";
import { canonical } from "../../live/messages";
import { type Chip, Chips as Plain } from "../../ui/chips";
import { baselineWords } from "../attribution/words";
import { type Actions, chosen, DISTRIBUTION, inFull, type Known, MOST } from "./known";

export class Chips {
  #plain = new Plain("baseline", MOST, {
    add: (key) => this.#set([...this.#compared, this.#offers.get(key)!]),
    drop: (key) => this.#set(this.#compared.filter((one) => canonical(one) !== key)),
  });
  readonly element = this.#plain.element;
  #offers = new Map<string, Params>();
  #known: Known | null = null;

  constructor(private readonly actions: Actions) {}

  show(known: Known): void {
    this.#known = known;
    const { welcome, values } = known;
    this.element.hidden = !!welcome.recorded;
    const own = chosen(welcome, values);
    const chips = this.#compared.map((one) => ({
      ...this.#chip(one),
      marked: canonical(one) === canonical(own),
    }));
    this.#plain.show(chips, this.#offered(own));
  }

  get #compared(): Params[] {
    const { welcome, look } = this.#known!;
    return look.baselines.map((one) => inFull(welcome, one));
  }

  #offered(own: Params): Chip[] {
    const { welcome } = this.#known!;
    const usual = welcome.baselines.map(({ name }) => inFull(welcome, { name }));
    const single = usual.filter(({ name }) => name !== "painted" && name !== own.name);
    const offers = [own, ...single].filter(({ name }) => name !== DISTRIBUTION);
    return offers.map((one) => {
      const chip = this.#chip(one);
      return one === own ? { ...chip, label: `The chosen one: ${chip.label}` } : chip;
    });
  }

  #chip(baseline: Params): Chip {
    const key = canonical(baseline);
    this.#offers.set(key, baseline);
    return { key, label: short(this.#known!.welcome, baseline) };
  }

  #set(baselines: readonly Params[]): void {
    this.actions.look({ baselines, selected: -1 });
  }
}

/** "Blur (σ 10 px)": a compared baseline in few words. */
export function short(welcome: Welcome, baseline: Params): string {
  return (baselineWords(welcome, baseline) ?? "").replace(" baseline", "");
}
