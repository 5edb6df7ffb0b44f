/** Bytes to arrays: the mirror of `xai_widgets/live/codec.py`. */

import type { ArrayHead, FrameMessage, Params, StepState } from "./messages";

export interface Tensor {
  data: Uint8Array | Int16Array | Float32Array;
  shape: number[];
  /** A number, or one for each entry of the first axis: real value = scale * (data - zero). */
  scale: number | number[];
  zero: number | number[];
}

export interface Frame {
  topic: string;
  params: Params;
  step: StepState;
  // Each topic has its own meta; the widgets know it.
  meta: any;
  arrays: Record<string, Tensor>;
}

const KINDS = { uint8: Uint8Array, int16: Int16Array, float32: Float32Array } as const;

/** Read one array. A buffer that starts off its alignment is copied, others are looked at in place. */
export function decodeArray(head: ArrayHead, buffer: DataView | ArrayBuffer): Tensor {
  const Kind = KINDS[head.dtype];
  if (Kind === undefined) throw new Error(`unknown dtype ${String(head.dtype)}`);
  const count = head.shape.reduce((product, side) => product * side, 1);
  const [bytes, offset] =
    buffer instanceof ArrayBuffer ? [buffer, 0] : [buffer.buffer as ArrayBuffer, buffer.byteOffset];
  if (buffer.byteLength !== count * Kind.BYTES_PER_ELEMENT) {
    throw new Error(`array ${head.name}: ${buffer.byteLength} bytes for shape ${head.shape.join(" × ")}`);
  }
  const data =
    offset % Kind.BYTES_PER_ELEMENT === 0
      ? new Kind(bytes, offset, count)
      : new Kind(bytes.slice(offset, offset + buffer.byteLength));
  return { data, shape: head.shape, scale: head.scale, zero: head.zero };
}

export function decodeFrame(message: FrameMessage, buffers: readonly (DataView | ArrayBuffer)[]): Frame {
  const arrays: Record<string, Tensor> = {};
  message.arrays.forEach((head, i) => {
    const buffer = buffers[i];
    if (buffer === undefined) throw new Error(`array ${head.name} has no buffer`);
    arrays[head.name] = decodeArray(head, buffer);
  });
  return { topic: message.topic, params: message.params, step: message.step, meta: message.meta, arrays };
}

export function frameBytes(frame: Frame): number {
  return Object.values(frame.arrays).reduce((sum, array) => sum + array.data.byteLength, 256);
}
