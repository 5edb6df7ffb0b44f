/** A control under its visible label, with help on hover and focus. */

import { h, uid } from "./element";

export interface Control<T> {
  readonly element: HTMLElement;
  get(): T;
  /** Show a value without telling anyone. */
  set(value: T): void;
}

export interface FieldText {
  label: string;
  help?: string | undefined;
}

/** The frame of a control: label at the left, `aside` at the right of it, the control below. */
export function field(text: FieldText, control: HTMLElement, aside?: HTMLElement): HTMLElement {
  control.id ||= uid("control");
  const label = h("label", { class: "xw-label", for: control.id }, text.label);
  const help = text.help
    ? h("span", { class: "xw-help", id: uid("help"), role: "tooltip" }, text.help)
    : null;
  if (help) {
    label.classList.add("xw-has-help");
    control.setAttribute("aria-describedby", help.id);
  }
  return h("div", { class: "xw-field" }, h("div", { class: "xw-field-head" }, label, aside), control, help);
}

/** Switch a control on or off without taking it away: what is gone would move its neighbours. */
export function enable(control: Control<never> | Control<unknown>, on: boolean): void {
  control.element.toggleAttribute("data-off", !on);
  if (on) control.element.removeAttribute("aria-disabled");
  else control.element.setAttribute("aria-disabled", "true");
  for (const input of control.element.querySelectorAll<HTMLInputElement>("input, select, button"))
    input.disabled = !on;
}
