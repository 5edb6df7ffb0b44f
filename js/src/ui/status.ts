/** What the kernel is doing: a thin line, a few words, a way to stop it. None of them moves anything. */

import { h, write } from "./element";
import { rescue } from "./focus";
import { icon } from "./icon";
import { duration, percent } from "./number";

export interface Doing {
  phase: "idle" | "waiting" | "refining" | "done" | "cancelled" | "error" | "stale";
  done: number;
  /** The error relative to what is shown, as a share; null where the method has no estimate. */
  error: number | null;
  ms: number | null;
  note: string | null;
  /** Nothing is shown yet. */
  bare?: boolean;
}

const READ_ALOUD_MS = 2000;

export class StatusLine {
  readonly line = h("div", { class: "xw-progress", role: "presentation" }, h("i", {}));
  readonly words: HTMLElement;
  // Heard through its quieter twin, or each word would be met twice.
  #text = h("span", { class: "xw-status-text", "aria-hidden": "true" });
  #stop: HTMLButtonElement;
  #aloud = h("span", { class: "xw-sr", "aria-live": "polite" });
  #said = 0;
  #later: ReturnType<typeof setTimeout> | null = null;

  constructor(onCancel: () => void) {
    this.#stop = h(
      "button",
      { type: "button", class: "xw-stop", title: "Stop (Esc)", "aria-label": "Stop" },
      icon("close"),
    );
    this.#stop.addEventListener("click", onCancel);
    this.words = h("div", { class: "xw-status" }, this.#stop, this.#text, this.#aloud);
  }

  show(doing: Doing): void {
    const working = doing.phase === "waiting" || doing.phase === "refining";
    this.line.dataset.phase = doing.phase;
    this.line.style.setProperty("--done", String(Math.min(1, Math.max(0, doing.done))));
    // Not `display: none`: the place of the button stays, so that the words do not move.
    if (!working) rescue(this.#stop);
    this.#stop.style.visibility = working ? "visible" : "hidden";
    const text = phrase(doing);
    write(this.#text, text);
    this.#text.title = text;
    this.#say(text, working);
  }

  dispose(): void {
    if (this.#later !== null) clearTimeout(this.#later);
  }

  /** Read aloud at most every other second while it runs; the end at once. */
  #say(text: string, working: boolean): void {
    if (this.#later !== null) clearTimeout(this.#later);
    this.#later = null;
    const wait = working ? this.#said + READ_ALOUD_MS - Date.now() : 0;
    if (wait > 0) {
      this.#later = setTimeout(() => this.#say(text, false), wait);
      return;
    }
    this.#said = Date.now();
    write(this.#aloud, text);
  }
}

/** An error as a share: one digit where it is small, and no false precision where it is large. */
function share(error: number): string {
  if (error > 1) return "> 100 %";
  return percent(error, error < 0.0995 ? 1 : 0);
}

export function phrase(doing: Doing): string {
  const error = doing.error === null ? null : `±${share(doing.error)}`;
  const time = doing.ms === null ? null : duration(doing.ms);
  const join = (...parts: (string | null)[]) => parts.filter(Boolean).join(" · ");
  switch (doing.phase) {
    case "waiting":
      return doing.note ?? "First picture …";
    case "refining":
      return join(doing.note ?? "Refining", percent(doing.done, 0), error);
    case "done":
      return join("Done", error, time);
    case "cancelled":
      return join("Stopped", doing.done > 0 ? `at ${percent(doing.done, 0)}` : null, error);
    case "stale":
      return join(doing.note ?? "Kernel busy or gone", doing.bare ? null : "last result");
    case "error":
      return "Failed";
    default:
      return "";
  }
}
