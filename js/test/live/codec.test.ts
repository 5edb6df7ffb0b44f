import { describe, expect, it } from "vitest";
import golden from "../../../tests/golden/frame.json";
import { FrameCache } from "../../src/live/cache";
import { decodeArray, decodeFrame, type Frame } from "../../src/live/codec";
import { type ArrayHead, canonical, type FrameMessage } from "../../src/live/messages";

const bytes = (text: string) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** The bytes inside a larger buffer, off their alignment, as they arrive from the websocket. */
function view(text: string, offset: number): DataView {
  const raw = bytes(text);
  const larger = new Uint8Array(raw.length + offset + 5);
  larger.set(raw, offset);
  return new DataView(larger.buffer, offset, raw.length);
}

function real(tensor: ReturnType<typeof decodeArray>): number[] {
  const each = tensor.data.length / (tensor.shape[0] ?? 1);
  const at = (value: number | number[], i: number) =>
    Array.isArray(value) ? (value[Math.floor(i / each)] ?? Number.NaN) : value;
  return [...tensor.data].map((q, i) => at(tensor.scale, i) * (q - at(tensor.zero, i)));
}

describe("the codec", () => {
  for (const offset of [0, 1, 3, 8]) {
    it(`reads what Python wrote, ${offset} bytes into a buffer`, () => {
      for (const entry of golden.arrays) {
        const tensor = decodeArray(entry.head as ArrayHead, view(entry.bytes, offset));
        const expected = (entry.values as unknown[]).flat(3) as number[];
        real(tensor).forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 6);
        });
      }
    });
  }

  it("refuses a buffer of the wrong length, and a frame without its buffer", () => {
    const head = golden.arrays[0]?.head as ArrayHead;
    expect(() => decodeArray({ ...head, shape: [2, 2, 3] }, view(golden.arrays[0]?.bytes ?? "", 0))).toThrow(
      "8 bytes",
    );
    const message = { arrays: [head] } as FrameMessage;
    expect(() => decodeFrame(message, [])).toThrow("no buffer");
  });

  it("writes the same params as the same text", () => {
    for (const [value, text] of golden.canonical) expect(canonical(value)).toBe(text);
  });
});

describe("the frame cache", () => {
  const frame = (layer: number, size: number, final = true): Frame => ({
    topic: "maps",
    params: { layer },
    step: { index: 0, done: 1, error: null, final },
    meta: {},
    arrays: { maps: { data: new Uint8Array(size), shape: [size], scale: 1, zero: 0 } },
  });

  it("drops the least recently used when the bytes are spent", () => {
    const cache = new FrameCache(4000);
    for (const layer of [1, 2, 3]) cache.put(frame(layer, 1000));
    cache.get("maps", { layer: 1 });
    cache.put(frame(4, 1000));
    expect(cache.get("maps", { layer: 2 })).toBeUndefined();
    expect(cache.get("maps", { layer: 1 })).toBeDefined();
    expect(cache.bytes).toBeLessThanOrEqual(4000);
  });

  it("does not replace a finished frame by an unfinished one", () => {
    const cache = new FrameCache();
    cache.put(frame(1, 10));
    cache.put(frame(1, 10, false));
    expect(cache.get("maps", { layer: 1 })?.step.final).toBe(true);
    cache.clear();
    expect(cache.bytes).toBe(0);
  });
});
