/** The class that is explained, and perhaps a class that it is held against. */

import { combobox } from "../../ui/combobox";
import { enable } from "../../ui/field";
import { kindOf, type Surroundings } from "./kinds";
import { classChoices, keysOf, mainFirst, OTHER, type Target, targetOf, versusFirst } from "./target";

export interface Named extends Surroundings {
  targetLabel: string | null;
}

export class ClassFields {
  #known: Named | null = null;
  #main = combobox({
    label: "Target",
    placeholder: "Search classes",
    help: "The class whose score is explained.",
    onPick: (key) => this.#pick(key),
  });
  #versus = combobox({
    label: "Versus",
    placeholder: "Search classes",
    help: "Explain the score of the target minus the score of this class: why one and not the other.",
    onPick: (key) => this.#retarget(keysOf(this.#known!.values.target).main, key),
  });
  readonly elements = [this.#main.element, this.#versus.element];
  #classes: readonly unknown[] | null = null;
  #choices: ReturnType<typeof classChoices> = [];

  constructor(private readonly tell: (target: Target) => void) {}

  dispose(): void {
    this.#main.dispose();
    this.#versus.dispose();
  }

  show(named: Named): void {
    this.#known = named;
    const { welcome, values, top, targetLabel } = named;
    // The index over a thousand names is made once, not at every change of something else.
    const known = welcome.recorded ? null : welcome.classes;
    const classes = known ?? top;
    if (classes !== this.#classes) this.#choices = classChoices(known, top);
    this.#classes = classes;
    const { main, versus } = keysOf(values.target);
    const kind = kindOf(values.target, welcome);
    // A page without a kernel lists its targets, whatever they are, in this field.
    this.#main.element.hidden = !welcome.recorded && kind !== "class" && kind !== "segment";
    this.#main.set(main);
    this.#main.caption(main === OTHER ? targetLabel : main);
    this.#main.choices(this.#choices, mainFirst(top));
    this.#versus.element.hidden = !!welcome.recorded || kind !== "class";
    this.#versus.set(versus);
    this.#versus.caption(versus);
    this.#versus.choices(this.#choices, versusFirst(top));
    enable(this.#versus as never, main !== OTHER);
  }

  #pick(key: string): void {
    const { values, welcome } = this.#known!;
    const index = Number(key);
    if (kindOf(values.target, welcome) !== "segment") this.#retarget(key, keysOf(values.target).versus);
    else if (Number.isNaN(index)) this.tell(null);
    else this.tell({ box: null, ...(values.target as object), kind: "segment", index });
  }

  #retarget(main: string, versus: string): void {
    const { values, top } = this.#known!;
    this.tell(targetOf(main, versus, top[0]?.index ?? null, values.target));
  }
}
