/** Lines to the kernel beside those of the grid: what was asked on each, and the newest that came. */

import type { Tensor } from "../../draw/plane";
import type { Client, Frame, Params, Status } from "../../live/client";
import { canonical } from "../../live/messages";
import type { Known, Layout } from "./known";

export class Supply {
  #frames = new Map<string, Frame>();
  #lines = new Map<string, () => void>();

  /** `came` is called when something is there. */
  constructor(
    private readonly client: Pick<Client, "feed">,
    private readonly came: () => void,
  ) {}

  dispose(): void {
    for (const off of this.#lines.values()) off();
  }

  /** Ask, and keep what comes. */
  take(topic: string, params: Params): void {
    this.hear(topic, (frame) => {
      this.#frames.set(topic, frame);
      this.came();
    });
    const feed = this.client.feed(topic);
    feed.request(params);
    // A second view of the model asks for what the first one has: the feed says nothing twice.
    const known = feed.peek(params);
    if (known) this.#frames.set(topic, known);
  }

  /** Listen to a topic, once for all. */
  hear(topic: string, heard: (frame: Frame) => void, told?: (status: Status) => void): void {
    if (this.#lines.has(topic)) return;
    const feed = this.client.feed(topic);
    const offs = [feed.onFrame(heard), ...(told ? [feed.onStatus(told)] : [])];
    this.#lines.set(topic, () => {
      for (const off of offs) off();
    });
  }

  hears(topic: string): boolean {
    return this.#lines.has(topic);
  }

  /** The newest frame of a topic; with params, only where it answers these. */
  frame(topic: string, params?: Params): Frame | undefined {
    const frame = this.#frames.get(topic);
    return params && canonical(frame?.params) !== canonical(params) ? undefined : frame;
  }

  /** Ask for the pictures that the columns show. */
  takePictures(layout: Layout): void {
    layout.columns.forEach((_, i) => {
      const wish = pictured(layout, i);
      if (wish) this.take(`picture:${i}`, wish);
    });
  }

  picture(column: number, layout: Layout): Tensor | undefined {
    const wish = pictured(layout, column);
    return wish ? this.frame(`picture:${column}`, wish)?.arrays.picture : undefined;
  }

  /** Ask where the other networks part from the first. */
  takePartings({ layout, values }: Known): void {
    layout.columns.forEach((_, i) => {
      const wish = parted(layout, values.image, i);
      if (wish) this.take(`parting:${i}`, wish);
    });
  }

  parting(column: number, { layout, values }: Known): Frame | undefined {
    const wish = parted(layout, values.image, column);
    return wish ? this.frame(`parting:${column}`, wish) : undefined;
  }
}

function pictured({ cells }: Layout, column: number): Params | null {
  const wish = cells.map((row) => row[column]?.wish).find(Boolean);
  return wish ? { image: wish.image, model: wish.model } : null;
}

function parted({ columns }: Layout, image: number, column: number): Params | null {
  const other = columns[column];
  if (column === 0 || !other || other.control) return null;
  return { image, one: columns[0]!.value, other: other.value };
}
