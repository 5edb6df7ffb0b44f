/** How a panel stands: what the kernel is doing for it, and what to say where nothing can be shown. */

import type { Status } from "../live/feed";
import { Notice } from "./notice";
import { StatusLine } from "./status";

const NO_GREETING_MS = 6000;
const FOLLOWING_MS = 400;

export class Standing {
  readonly notice = new Notice();
  #status: StatusLine;
  #waiting: ReturnType<typeof setTimeout> | null;
  #following: ReturnType<typeof setTimeout> | null = null;

  /** `stop` drops what is being worked out, `again` asks for it once more. */
  constructor(
    private readonly root: HTMLElement,
    stop: () => void,
    private readonly again: () => void,
  ) {
    this.#status = new StatusLine(stop);
    this.#waiting = setTimeout(() => this.#forsaken(), NO_GREETING_MS);
  }

  get line(): HTMLElement {
    return this.#status.line;
  }

  get words(): HTMLElement {
    return this.#status.words;
  }

  /** A kernel has answered. */
  greeted(): void {
    if (this.#waiting !== null) clearTimeout(this.#waiting);
    this.#waiting = null;
  }

  /** Show a status; `bare` where nothing is shown yet. Returns whether that left something to be said. */
  show(status: Status, error: number | null, bare: boolean): boolean {
    const { phase, ms, failure, note } = status;
    this.root.dataset.phase = phase;
    this.root.dataset.ms = ms === null ? "" : String(Math.round(ms));
    this.#status.show({ ...status, error, bare });
    if (phase === "error" && failure)
      this.notice.show(failure.type, failure.message, failure.hint, this.again);
    else if (phase === "stale" && bare)
      this.notice.show(
        "No answer yet",
        failure?.message ?? `${note}.`,
        failure?.hint ?? "The picture appears as soon as it answers.",
      );
    else return false;
    return true;
  }

  /** A picture came that a newer wish has overtaken: while they follow each other closely, none is dimmed. */
  follows(): void {
    if (this.#following !== null) clearTimeout(this.#following);
    this.root.toggleAttribute("data-following", true);
    this.#following = setTimeout(() => this.root.removeAttribute("data-following"), FOLLOWING_MS);
  }

  dispose(): void {
    if (this.#following !== null) clearTimeout(this.#following);
    this.greeted();
    this.#status.dispose();
  }

  #forsaken(): void {
    this.root.dataset.phase = "stale";
    this.#status.show({ phase: "stale", done: 0, error: null, ms: null, note: null, bare: true });
    this.notice.show(
      "No kernel answers",
      "The kernel that made this view is busy, or was restarted.",
      "Run the cell again.",
    );
  }
}
