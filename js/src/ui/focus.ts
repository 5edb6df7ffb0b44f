/** Where the focus goes: out of a panel, and away from what is about to disappear. */

import { h } from "./element";

/** Hand the focus back to what holds the panel, such as the notebook's cell, so that the host's own keys work again. */
export function leave(panel: Element): void {
  panel.parentElement?.closest<HTMLElement>("[tabindex]")?.focus({ preventScroll: true });
}

/** Call before something is hidden or removed: a focus in it would be lost to the page, and with it the place. */
export function rescue(going: Element): void {
  if (!going.contains(going.ownerDocument.activeElement)) return;
  going.closest<HTMLElement>(".xw-root")?.focus({ preventScroll: true });
}

/** A button that asks again for what has failed. */
export function retry(again: () => void): HTMLButtonElement {
  const button = h("button", { type: "button", class: "xw-button" }, "Try again");
  button.addEventListener("click", () => {
    rescue(button);
    again();
  });
  return button;
}
