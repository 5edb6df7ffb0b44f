/** One topic of one panel: ask, follow, drop. Newest wins. */

import type { Frame } from "./codec";
import type { Failure, FromKernel, Params } from "./messages";
import { canonical } from "./messages";
import { tell } from "./tell";

export type Phase = "idle" | "waiting" | "refining" | "done" | "cancelled" | "error" | "stale";

export interface Status {
  phase: Phase;
  done: number;
  error: number | null;
  /** From the wish to the last answer, as the kernel measured it; null before, and for cached frames. */
  ms: number | null;
  note: string | null;
  failure: Failure | null;
}

export interface FeedHost {
  ask(topic: string, seq: number, params: Params): void;
  /** Nothing came of it for a while: ask whether it is being worked on. */
  again(topic: string, seq: number, params: Params): void;
  cancel(topic: string): void;
  cached(topic: string, params: Params): Frame | undefined;
  /** What to say where there is no kernel any more; null where there is one. */
  gone(): Failure | null;
  /** What to say of a kernel that does not answer. */
  silent(): string;
}

const IDLE: Status = { phase: "idle", done: 0, error: null, ms: null, note: null, failure: null };
const SILENCE_MS = 2000;
const LONGEST_SILENCE_MS = 8000;

export class Feed {
  #status: Status = IDLE;
  #key: string | null = null;
  #params: Params | null = null;
  #seq = 0;
  /** The wish whose picture was shown last. */
  #shown = 0;
  #step = -1;
  /** How long to wait for a word before asking again; null before the first time. */
  #patience: number | null = null;
  /** What was shown last, for a view that appears later. */
  #frame: Frame | null = null;
  #frames = new Set<(frame: Frame) => void>();
  #statuses = new Set<(status: Status) => void>();
  #silence: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly topic: string,
    private readonly host: FeedHost,
  ) {}

  get status(): Status {
    return this.#status;
  }

  get #working(): boolean {
    return ["waiting", "refining", "stale"].includes(this.#status.phase);
  }

  /** The wish changed. What is cached is shown at once; the rest is asked of the kernel. */
  request(params: Params): void {
    const key = canonical(params);
    const again = this.#status.phase === "error" || this.#status.phase === "cancelled";
    if (key === this.#key && !again) return;
    const working = this.#working;
    this.#key = key;
    this.#params = params;
    this.#step = -1;
    const cached = this.host.cached(this.topic, params);
    if (cached) this.#shown = this.#seq;
    if (cached?.step.final) {
      if (working) this.host.cancel(this.topic);
      this.#emit(cached);
      this.#set({ ...IDLE, phase: "done", done: 1, error: cached.step.error });
      this.gone();
      return;
    }
    if (cached) this.#emit(cached);
    this.#set({ ...IDLE, phase: "waiting" });
    if (this.gone()) return;
    this.host.ask(this.topic, ++this.#seq, params);
    this.#listen();
  }

  /** Ask once more for what was asked last. */
  again(): void {
    if (this.#params === null) return;
    this.#key = null;
    this.request(this.#params);
  }

  cancel(): void {
    if (!this.#working || this.host.gone()) return;
    this.host.cancel(this.topic);
    this.#set({ ...this.#status, phase: "cancelled", note: null });
  }

  peek(params: Params): Frame | undefined {
    return this.host.cached(this.topic, params);
  }

  onFrame(fn: (frame: Frame) => void): () => void {
    this.#frames.add(fn);
    if (this.#frame) tell([fn], this.#frame);
    return () => this.#frames.delete(fn);
  }

  onStatus(fn: (status: Status) => void): () => void {
    this.#statuses.add(fn);
    return () => this.#statuses.delete(fn);
  }

  /** A message of this topic. A frame that shows what we wish is welcome whoever asked for it. */
  arrived(message: FromKernel, frame: Frame | null, mine: boolean): void {
    if (frame !== null && !this.#follow(frame) && mine && "seq" in message)
      this.#overtaken(frame, message.seq);
    if (!mine || !("seq" in message) || message.seq !== this.#seq || this.#status.phase === "cancelled")
      return;
    this.#listen();
    if (message.type === "progress") {
      const phase = this.#step < 0 ? "waiting" : "refining";
      const { done, error, note } = message;
      if (this.#status.phase !== "done") this.#set({ ...this.#status, phase, done, error, note });
    } else if (message.type === "done") {
      this.#set({ ...this.#status, phase: "done", done: 1, ms: message.ms, note: null });
    } else if (message.type === "error") {
      this.#set({ ...this.#status, phase: "error", note: null, failure: message.error });
    } else if (message.type === "cancelled" && this.#status.phase !== "done") {
      this.#set({ ...this.#status, phase: "cancelled", note: null });
    }
  }

  /** Where there is no kernel any more, say so; what is shown stays. */
  gone(): boolean {
    const failure = this.host.gone();
    if (failure === null || this.#params === null) return false;
    this.#hush();
    const note = "Kernel gone: run the cell again";
    this.#set({ ...this.#status, phase: "stale", note, failure });
    return true;
  }

  /** Nobody looks any more: wish nothing, until somebody does. */
  rest(): void {
    this.#hush();
    this.#key = this.#params = this.#frame = null;
    this.#status = IDLE;
  }

  dispose(): void {
    this.#frames.clear();
    this.#statuses.clear();
    this.#hush();
  }

  /** Show a frame of the wish; returns whether it is one. */
  #follow(frame: Frame): boolean {
    if (canonical(frame.params) !== this.#key) return false;
    if (frame.step.index < this.#step) return true;
    if (this.#status.phase === "cancelled" || (this.#status.phase === "done" && !frame.step.final))
      return true;
    this.#step = frame.step.index;
    this.#shown = this.#seq;
    this.#emit(frame);
    const { done, error, final } = frame.step;
    this.#set({
      ...this.#status,
      phase: final ? "done" : "refining",
      done,
      error,
      note: null,
      failure: null,
    });
    return true;
  }

  /**
   * The first picture of a wish that a newer one has overtaken: a slider that moves quicker than pictures come
   * would else show none. Never behind a newer picture.
   */
  #overtaken(frame: Frame, seq: number): void {
    const awaited = (this.#status.phase === "waiting" || this.#status.phase === "stale") && this.#step < 0;
    if (!awaited || seq <= this.#shown || seq > this.#seq) return;
    this.#shown = seq;
    this.#emit(frame);
  }

  #listen(): void {
    this.#hush();
    this.#patience = null;
    this.#silence = setTimeout(() => this.#silent(), SILENCE_MS);
  }

  /** Ask again what may be lost; where that isn't answered either, say so, and go on asking, less often. */
  #silent(): void {
    if (this.#params === null || !this.#working) return;
    if (this.#patience !== null) this.#set({ ...this.#status, phase: "stale", note: this.host.silent() });
    this.#patience = Math.min(LONGEST_SILENCE_MS, 2 * (this.#patience ?? SILENCE_MS / 2));
    this.#silence = setTimeout(() => this.#silent(), this.#patience);
    this.host.again(this.topic, this.#seq, this.#params); // what can't be sent ends the wait
  }

  #hush(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = null;
  }

  #emit(frame: Frame): void {
    this.#frame = frame;
    tell(this.#frames, frame);
  }

  #set(status: Status): void {
    if (status.phase === "done" || status.phase === "error" || status.phase === "cancelled") this.#hush();
    this.#status = status;
    tell(this.#statuses, status);
  }
}
