/** What a panel finds where a notebook has a widget model: traits, their events, and a line to the recording. */

import type { PanelModel } from "../live/client";

type Handler = (...args: never[]) => void;

export class Emitter {
  #handlers = new Map<string, Set<Handler>>();

  on(event: string, fn: Handler): void {
    const known = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, known.add(fn));
  }

  off(event: string, fn?: Handler): void {
    if (fn) this.#handlers.get(event)?.delete(fn);
    else this.#handlers.delete(event);
  }

  emit(event: string, ...args: unknown[]): void {
    for (const fn of [...(this.#handlers.get(event) ?? [])]) fn(...(args as never[]));
  }
}

/** The other end of all panels of a page. */
export interface Session {
  /** Where its messages arrive, as on the notebook's data channel. */
  readonly channel: Emitter;
  receive(message: unknown): void;
}

export class Model extends Emitter implements PanelModel {
  readonly widget_manager: PanelModel["widget_manager"];
  #traits: Map<string, unknown>;

  constructor(
    private readonly session: Session,
    traits: Record<string, unknown>,
  ) {
    super();
    this.#traits = new Map(Object.entries({ _channel: "IPY_MODEL_recording", ...traits }));
    this.widget_manager = { get_model: async () => session.channel };
  }

  get(name: string): any {
    return this.#traits.get(name);
  }

  set(name: string, value: unknown): void {
    if (this.#traits.get(name) === value) return;
    this.#traits.set(name, value);
    this.emit(`change:${name}`);
  }

  /** Nobody keeps what is changed in a page. */
  save_changes(): void {}

  send(content: unknown): void {
    this.session.receive(content);
  }
}
