/** The choice of a baseline: which one, and its parameters. */

import type { Params, Values, Welcome } from "../../live/client";
import { Parameters } from "../../ui/parameters";
import { select } from "../../ui/select";
import { baselineOf, baselinesFor, baselineValue, methodOf } from "./wish";
import { capital } from "./words";

export class BaselineField {
  readonly elements: readonly HTMLElement[];
  #select = select({
    label: "Baseline",
    help: "The picture that stands for nothing: the method explains the difference to it.",
    options: [],
    value: "",
    onChange: (name) => this.#choose({ ...this.#remembered.get(name), ...this.#fresh(name) }),
  });
  #params = new Parameters((name, value) => this.#choose({ ...this.#value(), [name]: value }));
  #known: { welcome: Welcome; values: Values } | null = null;
  /** Each baseline keeps the parameters it was left with. */
  #remembered = new Map<string, Params>();

  constructor(private readonly tell: (baseline: Params) => void) {
    this.elements = [this.#select.element, this.#params.element];
  }

  /** Show what is selected among what the method can take; a name in `rare` is offered only where it is. */
  show(welcome: Welcome, values: Values, rare?: string): void {
    this.#known = { welcome, values };
    const chosen = baselineOf(welcome, values);
    const value = this.#value();
    const fitting = baselinesFor(welcome, methodOf(welcome, values));
    const offered = fitting.filter(({ name }) => name !== rare || name === chosen?.name);
    this.#select.options(offered.map(({ name, label }) => ({ value: name, label: capital(label) })));
    this.#select.set(chosen?.name ?? "");
    this.#params.show(chosen?.params ?? [], value, imageNames(welcome));
    if (chosen) this.#remembered.set(chosen.name, value);
  }

  #value(): Params {
    const { welcome, values } = this.#known!;
    return baselineValue(welcome, values) ?? {};
  }

  /** A baseline just chosen. A picture held against itself explains nothing: another one is the first choice. */
  #fresh(name: string): Params {
    const { welcome, values } = this.#known!;
    const params = welcome.baselines.find((schema) => schema.name === name)?.params ?? [];
    const other = values.image === 0 && welcome.images.length > 1 ? 1 : 0;
    const pictures = params.filter(({ kind }: { kind: string }) => kind === "image");
    return { name, ...Object.fromEntries(pictures.map((param: { name: string }) => [param.name, other])) };
  }

  #choose(given: Params): void {
    const { welcome, values } = this.#known!;
    this.tell(baselineValue(welcome, { ...values, baseline: given }) ?? {});
  }
}

export function imageNames(welcome: Welcome): string[] {
  return welcome.images.map(({ name }) => name);
}
