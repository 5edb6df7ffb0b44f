/** Stands in for the kernel's session: it answers wishes with what was recorded, and says so where nothing was. */

import type { ArrayHead, Failure, Params, StepState, ToKernel, Values, Welcome } from "../live/messages";
import { canonical } from "../live/messages";
import { Emitter, type Session } from "./model";

/** An answer as the page carries it. */
export type Recorded = { topic: string; params: Params } & (
  | { failure: Failure }
  | { step: StepState; meta: any; arrays: (ArrayHead & { blob: number })[] }
);

/** Where the bytes of the arrays come from. */
export interface Bytes {
  bytes(blob: number): Promise<ArrayBuffer>;
}

const AHEAD_SEQ = -1;

type Request = Extract<ToKernel, { type: "request" }>;

/** So many bytes are unpacked before anybody asks for them. */
const AHEAD = 96 * 2 ** 20;

export class Recording implements Session {
  readonly channel = new Emitter();
  #answers = new Map<string, Recorded>();
  #selection: Values;
  #ahead: number | null = null;

  constructor(
    private readonly welcome: Welcome,
    frames: readonly Recorded[],
    private readonly pack: Bytes,
  ) {
    for (const frame of frames) this.#answers.set(keyOf(frame.topic, frame.params), frame);
    this.#selection = welcome.selection;
  }

  receive(message: ToKernel): void {
    if (message.type === "hello") this.#tell({ ...this.welcome, client: message.client });
    else if (message.type === "select") this.#select(message);
    else if (message.type === "request") void this.#answer(message);
  }

  /** Unpack what there is of the selected image, so that scrubbing it waits for nothing. */
  async ahead(): Promise<void> {
    const { image } = this.#selection;
    if (this.#ahead === image) return;
    this.#ahead = image;
    let room = AHEAD;
    for (const { topic, params, ...rest } of this.#answers.values()) {
      if (params.image !== image || !("arrays" in rest)) continue;
      room -= rest.arrays.reduce((sum, head) => sum + bytesOf(head), 0);
      if (room < 0 || this.#ahead !== image) return;
      await this.#answer({ type: "request", client: "", topic, seq: AHEAD_SEQ, params });
      // A turn of its own for each: a person's wishes go first.
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  #select({ client, values }: Extract<ToKernel, { type: "select" }>): void {
    this.#selection = { ...this.#selection, ...values };
    this.#tell({ type: "state", origin: client, values: {}, heard: values });
    this.#mend();
    void this.ahead();
  }

  /** Another image has its own predicted class: a target that was not recorded for it becomes that. */
  #mend(): void {
    const { image, target } = this.#selection;
    const predictions = this.#answers.get(keyOf("predictions", { image }));
    if (target === null || !predictions || "failure" in predictions) return;
    const held: { index: number }[] = predictions.meta.top;
    if (held.some(({ index }) => index === target)) return;
    this.#selection.target = null;
    this.#tell({ type: "state", origin: "kernel", values: { target: null } });
  }

  async #answer({ client, topic, seq, params }: Request): Promise<void> {
    const found = this.#answers.get(keyOf(topic, params));
    const to = { client, topic, seq };
    try {
      if (!found) throw NOT_RECORDED;
      if ("failure" in found) throw found.failure;
      const { step, meta, arrays } = found;
      const buffers = await Promise.all(arrays.map(({ blob }) => this.pack.bytes(blob)));
      this.#tell({ type: "frame", ...to, params, step, meta, arrays }, buffers);
    } catch (error) {
      this.#tell({ type: "error", ...to, error: failureOf(error) });
    }
  }

  #tell(message: object, buffers: ArrayBuffer[] = []): void {
    this.channel.emit("msg:custom", message, buffers);
  }
}

const NOT_RECORDED: Failure = {
  type: "Not recorded",
  message: "This page does not hold that.",
  hint: "It has no kernel that could work it out: record it too, or look at it in the notebook.",
};

function failureOf(error: unknown): Failure {
  if (error !== null && typeof error === "object" && "hint" in error) return error as Failure;
  return { type: "Damaged page", message: "A part of this page cannot be unpacked.", hint: String(error) };
}

function bytesOf({ dtype, shape }: ArrayHead): number {
  return shape.reduce((product, side) => product * side, { uint8: 1, int16: 2, float32: 4 }[dtype]);
}

function keyOf(topic: string, params: Params): string {
  return `${topic} ${canonical(params)}`;
}
