import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/live/client";
import { isFromKernel } from "../../src/live/messages";
import { FakeKernel } from "../fake";

/** The same numbers in every run (Park and Miller's generator). */
function generator(seed: number) {
  let state = seed;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
  const junk = (depth = 4): unknown => {
    const kind = depth > 0 ? random() : 0;
    if (kind > 0.85) return Array.from({ length: 3 }, () => junk(depth - 1));
    if (kind > 0.6)
      return Object.fromEntries(
        [0, 1, 2].map(() => [pick(["name", "image", "layers", "x"]), junk(depth - 1)]),
      );
    return pick([null, undefined, true, -1, 0, 7, Number.NaN, 1e308, "", "maps", "constructor", "__proto__"]);
  };
  return { random, pick, junk };
}

/** A message that is right but for one or two of its fields. */
function nearly(client: string, { random, pick, junk }: ReturnType<typeof generator>): unknown {
  const address = { client: pick([client, "other"]), topic: pick(["maps", "attribution", "input"]), seq: 1 };
  const head = {
    name: "maps",
    dtype: pick(["uint8", "int16", "float64"]),
    shape: [1, 2, 2],
    scale: 1,
    zero: 0,
  };
  const step = { index: 0, done: 1, error: null, final: true };
  const message: Record<string, unknown> = pick<Record<string, unknown>>([
    { type: "frame", ...address, params: { image: 0 }, step, meta: junk(), arrays: [head] },
    { type: "progress", ...address, done: 0.5, error: null, note: null },
    { type: "error", ...address, error: { type: "x", message: "y", hint: "z" } },
    { type: "state", origin: "kernel", values: { image: 0, layer: "x" }, images: [] },
    {
      type: "welcome",
      client,
      model: "m",
      selection: {},
      classes: null,
      methods: [],
      baselines: [],
      images: [],
    },
    { type: pick(["reset", "roll", "done", "cancelled"]), ...address },
  ]);
  if (random() > 0.3) message[pick(Object.keys(message).concat("extra"))] = junk();
  return message;
}

describe("words that nobody would send", () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(console, "warn").mockImplementation(() => {});
    vi.spyOn(console, "error").mockImplementation(() => {});
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it.each([1, 2, 3, 4, 5])("leave the selection whole and the panels at work (seed %i)", async (seed) => {
    const kernel = new FakeKernel();
    const clients = [kernel.panel({ layer: null }), kernel.panel()].map((model) => Client.connect(model));
    await vi.advanceTimersByTimeAsync(200);
    const [one, two] = clients as [Client, Client];
    const feed = one.feed("maps");
    const shown: unknown[] = [];
    feed.onFrame(() => {
      throw new Error("a view that cannot draw it");
    });
    feed.onFrame((frame) => shown.push(frame.params.layer));
    const from = generator(seed);
    for (let i = 0; i < 400; i++) {
      const content = from.random() > 0.5 ? nearly(one.id, from) : from.junk();
      const buffers = from.pick([[], [new DataView(new ArrayBuffer(4))], [new DataView(new ArrayBuffer(8))]]);
      expect(() => kernel.emit(content as object, buffers)).not.toThrow();
      feed.request({ image: 0, layer: i });
      if (i % 50 === 0) await vi.advanceTimersByTimeAsync(100);
    }
    expect(typeof two.values.image).toBe("number");
    kernel.welcome();
    kernel.emit({ type: "reset" });
    const { name } = kernel.network.find((layer) => layer.view === "maps")!;
    two.select({ image: 0, layer: name });
    expect(one.values.layer).toBe(name);
    feed.request({ image: 0, layer: name });
    await vi.advanceTimersByTimeAsync(500);
    expect(shown.at(-1)).toBe(name);
    expect(feed.status.phase).toBe("done");
  });

  it("are told from ours, whatever their type is called", () => {
    for (const type of ["constructor", "__proto__", "toString", "hasOwnProperty", 3, null, {}, ["welcome"]])
      expect(isFromKernel({ type })).toBe(false);
    const selection = { image: 0, target: null, layer: null, channel: null, method: "x", params: {} };
    const welcome = { type: "welcome", model: "m", classes: null, methods: [], baselines: [], images: [] };
    expect(isFromKernel({ ...welcome, selection })).toBe(false);
    expect(isFromKernel({ ...welcome, selection: { ...selection, baseline: {}, seed: 0 } })).toBe(true);
    expect(isFromKernel({ type: "state", origin: "kernel", values: { image: "0" } })).toBe(false);
  });
});
