/** Small choices in a row: segments (one of a few), pressed buttons (on or off), a checkbox. */

import { h, uid } from "./element";
import { type Control, type FieldText, field } from "./field";
import { icon } from "./icon";

export interface Segment {
  value: string;
  label: string;
  help?: string;
  /** What a reader says where the label is a sign. */
  spoken?: string;
}

/** One of a few: native radio buttons, so that arrows, Tab and readers know what to do. */
export function segments(options: {
  label: string;
  segments: readonly Segment[];
  value: string;
  quiet?: boolean;
  onChange(value: string): void;
}): Control<string> {
  const name = uid("segments");
  const radios = new Map<string, HTMLInputElement>();
  const row = h("div", { class: "xw-segments", role: "radiogroup" });
  for (const { value, label, help, spoken } of options.segments) {
    const radio = h("input", { type: "radio", class: "xw-sr", name, value, "aria-label": spoken });
    radio.addEventListener("change", () => {
      if (radio.checked) options.onChange(value);
    });
    radios.set(value, radio);
    row.append(h("label", { class: "xw-segment", title: help }, radio, h("span", {}, label)));
  }
  const get = () => [...radios.values()].find((radio) => radio.checked)?.value ?? "";
  const set = (value: string) => {
    for (const [key, radio] of radios) radio.checked = key === value;
  };
  set(options.value);
  if (options.quiet) {
    row.setAttribute("aria-label", options.label);
    return { element: row, get, set };
  }
  const title = h("span", { class: "xw-label", id: uid("label") }, options.label);
  row.setAttribute("aria-labelledby", title.id);
  return {
    element: h("div", { class: "xw-field" }, h("div", { class: "xw-field-head" }, title), row),
    get,
    set,
  };
}

/** On or off, as a quiet pressed button. */
export function pressed(options: {
  label: string;
  value: boolean;
  onChange(value: boolean): void;
}): Control<boolean> {
  const button = h("button", { type: "button", class: "xw-pressed" }, icon("holds"), options.label);
  const set = (value: boolean) => button.setAttribute("aria-pressed", String(value));
  const get = () => button.getAttribute("aria-pressed") === "true";
  button.addEventListener("click", () => {
    set(!get());
    options.onChange(get());
  });
  set(options.value);
  return { element: button, get, set };
}

/** On or off, as a checkbox with its label behind it. */
export function checkbox(
  options: FieldText & { value: boolean; onChange(value: boolean): void },
): Control<boolean> {
  const box = h("input", { type: "checkbox", class: "xw-check", id: uid("check") });
  box.checked = options.value;
  box.addEventListener("change", () => options.onChange(box.checked));
  const element = field(options, box);
  element.classList.add("xw-field-inline");
  return {
    element,
    get: () => box.checked,
    set: (value) => {
      box.checked = value;
    },
  };
}
