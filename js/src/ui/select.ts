/** A native select under its label, whose options can change. */

import { fill, h } from "./element";
import { type Control, type FieldText, field } from "./field";

export interface Option {
  value: string;
  label: string;
  /** What it is listed under; options of one group stand together. */
  group?: string | undefined;
  disabled?: boolean | undefined;
}

export interface Select extends Control<string> {
  options(options: readonly Option[]): void;
}

export interface SelectOptions extends FieldText {
  options: readonly Option[];
  value: string;
  onChange(value: string): void;
}

export function select(options: SelectOptions): Select {
  const native = h("select", { class: "xw-select" });
  let wanted = options.value;
  let known = "";
  const show = () => {
    native.value = wanted;
  };
  const refill = (list: readonly Option[]) => {
    const key = JSON.stringify(list);
    if (key === known) return;
    known = key;
    fill(native, entries(list));
    show();
  };
  native.addEventListener("change", () => {
    wanted = native.value;
    options.onChange(wanted);
  });
  refill(options.options);
  return {
    element: field(options, native),
    get: () => wanted,
    set: (value) => {
      wanted = value;
      if (native.value !== value) show();
    },
    options: refill,
  };
}

function entries(list: readonly Option[]): HTMLElement[] {
  const groups = new Map<string, HTMLOptGroupElement>();
  const found: HTMLElement[] = [];
  for (const { value, label, group, disabled } of list) {
    const option = h("option", { value, disabled }, label);
    if (!group) {
      found.push(option);
      continue;
    }
    const known = groups.get(group) ?? h("optgroup", { label: group });
    if (!groups.has(group)) found.push(known);
    groups.set(group, known);
    known.append(option);
  }
  return found;
}
