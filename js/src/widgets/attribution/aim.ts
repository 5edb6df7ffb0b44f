/** What is explained: its kind, and the fields of every kind that is more than one class. */

import { canonical } from "../../live/messages";
import { h } from "../../ui/element";
import { field } from "../../ui/field";
import { percent } from "../../ui/number";
import { select } from "../../ui/select";
import { type FieldName, fresh, KINDS, kindOf, MIDDLE, type Surroundings } from "./kinds";
import { meantBy, type Target } from "./target";

type Whole = "count" | "channel" | "y" | "x";
const OUTPUT = "";

export class Aim {
  readonly elements: HTMLElement[];
  #known: Surroundings | null = null;
  #kind = select({
    label: "Explain",
    help: "What kind of thing the network is asked about.",
    options: [],
    value: "",
    onChange: (kind) => this.tell(fresh(kind, this.#known!)),
  });
  #part = select({
    label: "Part",
    help: "Where the score of the class is taken from.",
    options: [
      { value: "seen", label: "Where it is seen" },
      { value: "box", label: "A region you draw" },
    ],
    value: "seen",
    onChange: (part) => this.#change({ box: part === "box" ? MIDDLE : null }),
  });
  #found = select({
    label: "Box",
    help: "The boxes that were found in this picture, with their scores.",
    options: [],
    value: "",
    onChange: (place) => this.tell(meantBy(this.#known!.top[Number(place)]!)),
  });
  #reference = select({
    label: "Other image",
    help: "What brings the two images together is shown.",
    options: [],
    value: "0",
    onChange: (image) => this.#change({ reference: Number(image) }),
  });
  #layer = select({
    label: "Of layer",
    options: [],
    value: "",
    onChange: (name) => this.#change({ layer: name === OUTPUT ? null : name }),
  });
  #wholes: Record<Whole, HTMLInputElement> = {
    count: this.#whole((count) => this.#change({ count })),
    channel: this.#whole((channel) => this.#change({ channel })),
    y: this.#whole((y) => this.#change({ position: [y, this.#position()[1]] })),
    x: this.#whole((x) => this.#change({ position: [this.#position()[0], x] })),
  };
  #fields: Record<FieldName, HTMLElement>;

  constructor(private readonly tell: (target: Target) => void) {
    this.#fields = {
      part: this.#part.element,
      found: this.#found.element,
      reference: this.#reference.element,
      layer: this.#layer.element,
      count: field({ label: "How many" }, this.#wholes.count),
      channel: field({ label: "Channel" }, this.#wholes.channel),
      y: field({ label: "Row" }, this.#wholes.y),
      x: field({ label: "Column" }, this.#wholes.x),
    };
    this.elements = [this.#kind.element, ...Object.values(this.#fields)];
  }

  show(known: Surroundings): void {
    this.#known = known;
    const { welcome, values } = known;
    const kind = kindOf(values.target, welcome);
    const offered = (welcome.targets ?? []).filter((name) => name !== "margin" && name in KINDS);
    this.#kind.element.hidden = offered.length < 2;
    this.#kind.options(offered.map((value) => ({ value, label: KINDS[value]!.label })));
    this.#kind.set(kind);
    const wanted: readonly FieldName[] = KINDS[kind]?.fields ?? [];
    for (const [name, element] of Object.entries(this.#fields))
      element.hidden = !wanted.includes(name as FieldName);
    this.#showParts(known);
    this.#showInside(known, kind);
  }

  #showParts({ welcome, values, top }: Surroundings): void {
    const target = values.target as { box?: unknown; reference?: unknown } | null;
    this.#part.set(target?.box ? "box" : "seen");
    const chosen =
      target === null ? 0 : top.findIndex((one) => canonical(meantBy(one)) === canonical(values.target));
    this.#found.options([
      ...(chosen < 0 ? [{ value: "-1", label: "None of those found here" }] : []),
      ...top.map(({ name, probability }, i) => ({
        value: String(i),
        label: `${name} · ${percent(probability ?? 0)}`,
      })),
    ]);
    this.#found.set(String(chosen));
    this.#reference.options(welcome.images.map(({ name }, i) => ({ value: String(i), label: name })));
    this.#reference.set(String(target?.reference ?? 0));
  }

  #showInside({ values, layers }: Surroundings, kind: string): void {
    const target = (typeof values.target === "object" ? values.target : null) ?? {};
    const fitting = layers.filter(
      ({ view }) => view !== "none" && (kind === "similarity" || view !== "vector"),
    );
    const names = new Set([
      ...fitting.map(({ name }) => name),
      ...(target.layer ? [String(target.layer)] : []),
    ]);
    const output = kind === "similarity" ? [{ value: OUTPUT, label: "The network's output" }] : [];
    this.#layer.options([...output, ...[...names].map((name) => ({ value: name, label: name }))]);
    this.#layer.set(String(target.layer ?? OUTPUT));
    const at = layers.find(({ name }) => name === target.layer);
    const [y, x] = this.#position();
    this.#write("count", target.count, 1, this.#known!.welcome.classes?.length);
    this.#write("channel", target.channel, 0, at?.channels && at.channels - 1);
    this.#write("y", y, 0, at?.grid?.[0] && at.grid[0] - 1);
    this.#write("x", x, 0, at?.grid?.[1] && at.grid[1] - 1);
  }

  #write(name: Whole, value: unknown, low: number, high: number | undefined): void {
    const input = this.#wholes[name];
    input.min = String(low);
    input.max = high === undefined ? "" : String(high);
    if (document.activeElement !== input) input.value = String(value ?? low);
  }

  #whole(onChange: (value: number) => void): HTMLInputElement {
    const input = h("input", { type: "number", class: "xw-input", step: 1 });
    const take = () => {
      const high = input.max === "" ? Number.POSITIVE_INFINITY : Number(input.max);
      const value = Math.min(high, Math.max(Number(input.min), Math.round(Number(input.value)) || 0));
      input.value = String(value);
      onChange(value);
    };
    input.addEventListener("change", take);
    // JupyterLab takes the key before the browser makes a change of it.
    input.addEventListener("keydown", ({ key }) => key === "Enter" && take());
    return input;
  }

  #position(): [number, number] {
    const found = (this.#known?.values.target as { position?: [number, number] } | null)?.position;
    return found ?? [0, 0];
  }

  /** The target with something of it changed; where nothing was chosen, of the one that is predicted. */
  #change(part: Record<string, unknown>): void {
    const { values, welcome } = this.#known!;
    const kind = kindOf(values.target, welcome);
    const before = values.target ?? fresh(kind, this.#known!);
    if (before !== null && typeof before === "object") this.tell({ ...before, ...part });
  }
}
