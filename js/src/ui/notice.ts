/** What happened, why, and what to do; over the dimmed picture, so that nothing moves. */

import { fill, h } from "./element";
import { rescue, retry } from "./focus";

export class Notice {
  readonly element = h("div", { class: "xw-notice", role: "alert", hidden: true });

  /** `again` makes it a failure with a button to try once more; without it, it is a mild word. */
  show(what: string, why: string, todo: string, again?: () => void): void {
    fill(this.element, [
      h("b", { class: "xw-notice-what" }, spaced(what)),
      h("p", {}, why),
      h("p", { class: "xw-notice-todo" }, todo),
      again && retry(again),
    ]);
    this.element.toggleAttribute("data-mild", !again);
    this.element.hidden = false;
  }

  hide(): void {
    rescue(this.element);
    this.element.hidden = true;
  }
}

/** "OutOfMemoryError" reads better as "Out of memory error". */
function spaced(name: string): string {
  const words = name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
