/** Steps through the layers while `playing` is set: one clock a model, however many views it has. */

import type { PanelModel } from "../../live/client";

const STEP_MS = 320;
const CALM_STEP_MS = 1200;

export interface Player {
  /** One stop further; false where it was the last. */
  advance(): boolean;
}

export class Playback {
  readonly views: Player[] = [];
  #clock: ReturnType<typeof setInterval> | null = null;
  readonly #changed = () => this.#follow();

  constructor(private readonly model: PanelModel) {
    model.on("change:playing", this.#changed);
    this.#follow();
  }

  toggle(on: boolean): void {
    if (on === !!this.model.get("playing")) return;
    this.model.set("playing", on);
    this.model.save_changes();
  }

  dispose(): void {
    this.model.off("change:playing", this.#changed);
    this.#stop();
  }

  #follow(): void {
    const playing = !!this.model.get("playing");
    if (playing && this.#clock === null) {
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      this.#clock = setInterval(() => this.#tick(), calm ? CALM_STEP_MS : STEP_MS);
    } else if (!playing) this.#stop();
  }

  #tick(): void {
    if (this.views[0] && !this.views[0].advance()) this.toggle(false);
  }

  #stop(): void {
    if (this.#clock !== null) clearInterval(this.#clock);
    this.#clock = null;
  }
}
