/** Frames by what they show, least recently used dropped first, bounded in bytes. */

import { type Frame, frameBytes } from "./codec";
import { canonical, type Params } from "./messages";

export class FrameCache {
  #frames = new Map<string, Frame>();
  #bytes = 0;

  constructor(readonly limit: number = 192 * 2 ** 20) {}

  get bytes(): number {
    return this.#bytes;
  }

  get(topic: string, params: Params): Frame | undefined {
    const key = `${topic} ${canonical(params)}`;
    const frame = this.#frames.get(key);
    if (frame !== undefined) {
      this.#frames.delete(key);
      this.#frames.set(key, frame);
    }
    return frame;
  }

  /** Keep a frame, unless a later step of the same work is kept already. */
  put(frame: Frame): void {
    const key = `${frame.topic} ${canonical(frame.params)}`;
    const older = this.#frames.get(key);
    if (older !== undefined) {
      if (older.step.final && !frame.step.final) return;
      this.#frames.delete(key);
      this.#bytes -= frameBytes(older);
    }
    this.#frames.set(key, frame);
    this.#bytes += frameBytes(frame);
    for (const [oldest, dropped] of this.#frames) {
      if (this.#bytes <= this.limit || oldest === key) break;
      this.#frames.delete(oldest);
      this.#bytes -= frameBytes(dropped);
    }
  }

  clear(): void {
    this.#frames.clear();
    this.#bytes = 0;
  }
}
