/** What speaks for a picture: one line with a verdict, and all checks on demand. */

import { fill, h, write } from "./element";
import { type IconName, icon } from "./icon";
import { readable } from "./number";

export type Verdict = "holds" | "doubtful" | "fails" | "not applicable";

export interface Check {
  name: string;
  verdict: Verdict;
  figure: number | null;
  sentence: string;
}

export interface Evidence {
  line: string;
  worst: Verdict;
  checks: readonly Check[];
}

const WORDS: Record<Verdict, string> = {
  holds: "Holds",
  doubtful: "Doubtful",
  fails: "Fails",
  "not applicable": "Not applicable",
};

export class EvidenceLine {
  readonly element: HTMLDetailsElement;
  #badge = h("span", { class: "xw-verdict" });
  #line = h("span", { class: "xw-evidence-line" });
  #summary = h("summary", {}, icon("chevron"), this.#badge, this.#line);
  #list = h("ul", { class: "xw-checks" });
  #key = "";

  constructor() {
    this.element = h("details", { class: "xw-evidence" }, this.#summary, this.#list);
    this.show(null);
  }

  show(evidence: Evidence | null): void {
    const key = JSON.stringify(evidence);
    if (key === this.#key) return;
    this.#key = key;
    const empty = evidence === null;
    this.element.toggleAttribute("data-empty", empty);
    if (empty) this.element.open = false;
    this.#summary.tabIndex = empty ? -1 : 0;
    write(this.#line, evidence?.line ?? "The evidence appears with the first picture.");
    this.#line.title = evidence?.line ?? "";
    fill(this.#badge, empty ? [] : badge(evidence.worst));
    this.#badge.dataset.verdict = evidence?.worst ?? "";
    fill(this.#list, (evidence?.checks ?? []).map(item));
  }
}

/** Sign and word together: never the colour alone. */
function badge(verdict: Verdict): Node[] {
  const known = verdict in WORDS ? verdict : "not applicable";
  return [icon(known as IconName), h("span", { class: "xw-verdict-word" }, WORDS[known])];
}

function item(check: Check): HTMLElement {
  const verdict = h("span", { class: "xw-verdict", "data-verdict": check.verdict }, ...badge(check.verdict));
  const figure = check.figure === null || check.figure === undefined ? "" : readable(check.figure);
  return h(
    "li",
    { class: "xw-check-row" },
    verdict,
    h("span", { class: "xw-check-name" }, check.name),
    h("span", { class: "xw-check-figure" }, figure),
    h("span", { class: "xw-check-sentence" }, check.sentence),
  );
}
