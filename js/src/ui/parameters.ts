/** Controls from declared parameters: what a method or a baseline declares is what appears. */

import { h, uid } from "./element";
import { type Control, field } from "./field";
import { select } from "./select";
import { slider } from "./slider";
import { checkbox } from "./toolbar";

/** One declared parameter, as the kernel describes it. */
export interface Declared {
  name: string;
  kind: string;
  default: unknown;
  low: number | null;
  high: number | null;
  step: number | null;
  log: boolean;
  choices: readonly unknown[] | null;
  label: string;
  unit: string;
  help: string;
}

/** Kinds that another part of a panel fills in: all pictures of the session, or the strokes of a brush. */
export const WITHOUT_CONTROL: ReadonlySet<string> = new Set(["images", "strokes"]);
const MOST_TICKS = 100_000;

export type Given = Record<string, unknown>;

/** Every declared parameter with its value: what is given, else its default. Nothing undeclared gets through. */
export function complete(declared: readonly Declared[], given: Given): Given {
  // "images" stands for all pictures of the session: the kernel fills it in, there is nothing to choose.
  const chosen = declared.filter(({ kind }) => kind !== "images");
  return Object.fromEntries(
    chosen.map(({ name, kind, default: usual }) => [
      name,
      given[name] ?? usual ?? (kind === "image" ? 0 : null),
    ]),
  );
}

/** A group of controls that is rebuilt only when other parameters are declared. */
export class Parameters {
  readonly element = h("div", { class: "xw-parameters" });
  #declared = "";
  #controls = new Map<string, Control<unknown>>();

  constructor(private readonly onChange: (name: string, value: unknown) => void) {}

  /** Show these parameters with these values; `images` are the names that an image parameter chooses from. */
  show(declared: readonly Declared[], given: Given, images: readonly string[] = []): void {
    const key = JSON.stringify([declared, declared.some(({ kind }) => kind === "image") ? images : []]);
    const values = complete(declared, given);
    if (key !== this.#declared) {
      this.#declared = key;
      this.#controls.clear();
      for (const one of declared.filter(({ kind }) => !WITHOUT_CONTROL.has(kind))) {
        const tell = (value: unknown) => this.onChange(one.name, value);
        this.#controls.set(one.name, control(one, values[one.name], images, tell));
      }
      this.element.replaceChildren(...[...this.#controls.values()].map(({ element }) => element));
      this.element.hidden = this.#controls.size === 0;
    }
    for (const [name, one] of this.#controls) one.set(values[name]);
  }
}

function control(
  declared: Declared,
  value: unknown,
  images: readonly string[],
  tell: (value: unknown) => void,
): Control<unknown> {
  const text = { label: words(declared.label || declared.name), help: declared.help };
  switch (declared.kind) {
    case "bool":
      return checkbox({ ...text, value: value === true, onChange: tell }) as Control<unknown>;
    case "choice":
      return choice(declared, text, value, tell);
    case "image":
      return image(text, value, images, tell);
    case "color":
      return color(text, value, tell);
    case "int":
    case "float":
      return numeric(declared, text, value, tell);
    default:
      return plain(text, value, tell);
  }
}

type Text = { label: string; help: string };

function numeric(
  declared: Declared,
  text: Text,
  value: unknown,
  tell: (value: unknown) => void,
): Control<unknown> {
  const { low, high, step, log, unit } = declared;
  const integer = declared.kind === "int";
  const vast = integer && !log && low !== null && high !== null && high - low > MOST_TICKS;
  if (low === null || high === null || vast) return unbounded(declared, text, value, tell);
  const options = { ...text, low, high, step, log, integer, unit, value: Number(value), onInput: tell };
  return slider(options) as Control<unknown>;
}

/** A number without limits on both sides, or with limits too far apart to drag between, such as a seed, is typed. */
function unbounded(
  declared: Declared,
  text: Text,
  value: unknown,
  tell: (value: unknown) => void,
): Control<unknown> {
  const { low, high, step, kind } = declared;
  const input = h("input", {
    type: "number",
    class: "xw-input",
    min: low,
    max: high,
    step: step ?? (kind === "int" ? 1 : "any"),
  });
  let current = Number(value);
  input.addEventListener("input", () => {
    const next = input.valueAsNumber;
    const allowed =
      next >= (low ?? -Infinity) && next <= (high ?? Infinity) && (kind !== "int" || Number.isInteger(next));
    if (!allowed || next === current) return;
    current = next;
    tell(next);
  });
  return entry(
    text,
    input,
    value,
    () => current,
    (next) => {
      current = Number(next);
      if (input.valueAsNumber !== current) input.value = String(current);
    },
  );
}

function plain(text: Text, value: unknown, tell: (value: unknown) => void): Control<unknown> {
  const input = h("input", { type: "text", class: "xw-input", spellcheck: "false" });
  input.addEventListener("change", () => tell(input.value));
  return entry(
    text,
    input,
    value,
    () => input.value,
    (next) => {
      if (document.activeElement !== input) input.value = String(next ?? "");
    },
  );
}

function color(text: Text, value: unknown, tell: (value: unknown) => void): Control<unknown> {
  const input = h("input", { type: "color", class: "xw-color", id: uid("color") });
  const hex = h("output", { class: "xw-figure xw-mono" });
  const set = (next: unknown) => {
    input.value = /^#[0-9a-f]{6}$/i.test(String(next)) ? String(next) : "#808080";
    hex.textContent = input.value;
  };
  input.addEventListener("input", () => {
    hex.textContent = input.value;
    tell(input.value);
  });
  set(value);
  return { element: field(text, input, hex), get: () => input.value, set };
}

function choice(
  declared: Declared,
  text: Text,
  value: unknown,
  tell: (value: unknown) => void,
): Control<unknown> {
  const choices = declared.choices ?? [];
  const options = choices.map((one) => ({ value: String(one), label: words(String(one)) }));
  const box = select({
    ...text,
    options,
    value: String(value),
    onChange: (key) => tell(choices.find((one) => String(one) === key)),
  });
  return { element: box.element, get: () => box.get(), set: (next) => box.set(String(next)) };
}

function image(
  text: Text,
  value: unknown,
  images: readonly string[],
  tell: (value: unknown) => void,
): Control<unknown> {
  const options = images.map((name, i) => ({ value: String(i), label: name }));
  const box = select({ ...text, options, value: String(value ?? 0), onChange: (key) => tell(Number(key)) });
  return { element: box.element, get: () => Number(box.get()), set: (next) => box.set(String(next ?? 0)) };
}

function entry(
  text: Text,
  input: HTMLInputElement,
  value: unknown,
  get: () => unknown,
  set: (value: unknown) => void,
): Control<unknown> {
  set(value);
  input.value = String(value ?? "");
  return { element: field(text, input), get, set };
}

function words(name: string): string {
  const spaced = name.replaceAll("_", " ");
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
