import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, type Frame, type Values, type Welcome } from "../../src/live/client";
import { Model } from "../../src/offline/model";
import { Pack } from "../../src/offline/pack";
import { open } from "../../src/offline/page";
import { Predictions } from "../../src/offline/predictions";
import { type Recorded, Recording } from "../../src/offline/recording";
import { BASELINES, METHODS } from "../fake";

const SELECTION: Values = {
  image: 0,
  target: null,
  layer: "conv",
  channel: null,
  method: "gradient",
  params: {},
  baseline: {},
  seed: 0,
};
const WELCOME: Welcome = {
  type: "welcome",
  client: "",
  model: "Net",
  waits: false,
  selection: SELECTION,
  classes: ["ant", "bee", "cat"],
  methods: METHODS,
  baselines: BASELINES,
  images: [
    { name: "one", width: 2, height: 2 },
    { name: "two", width: 2, height: 2 },
  ],
  recorded: true,
};
const STEP = { index: 0, done: 1, error: null, final: true };
const prediction = (index: number, probability: number | null) => ({
  index,
  name: ["ant", "bee", "cat"][index] ?? "ant rather than cat",
  probability,
});

function predictions(image: number, order: number[], held: number[]): Recorded {
  const likeliest = order.map((index, i) => prediction(index, [0.7, 0.2, 0.1][i]!));
  const top = held.map((index) => likeliest.find((one) => one.index === index) ?? prediction(index, null));
  return { topic: "predictions", params: { image }, step: STEP, meta: { top, likeliest }, arrays: [] };
}
function maps(image: number, layer: string, blob: number): Recorded {
  const head = { name: "maps", dtype: "uint8" as const, shape: [1, 2, 2], scale: [0.5], zero: [0] };
  return {
    topic: "maps",
    params: { image, layer },
    step: STEP,
    meta: { layer },
    arrays: [{ ...head, blob }],
  };
}
const FRAMES: Recorded[] = [
  predictions(0, [0, 1, 2], [0, 2, -1]),
  predictions(1, [1, 0, 2], [1, 2, -1]),
  maps(0, "conv", 0),
  maps(0, "relu", 1),
  maps(1, "conv", 2),
  {
    topic: "maps",
    params: { image: 1, layer: "relu" },
    failure: { type: "ModelError", message: "It fell over.", hint: "Try another." },
  },
];
const BYTES = [
  [1, 2, 3, 4],
  [5, 6, 7, 8],
  [9, 9, 9, 9],
];

let unpacked: number[] = [];
const pack = {
  bytes: async (blob: number) => {
    unpacked.push(blob);
    return Uint8Array.from(BYTES[blob]!).buffer;
  },
};
const settle = () => vi.advanceTimersByTimeAsync(150);
const packed = (data: Uint8Array | string) => gzipSync(data).toString("base64");

beforeEach(() => {
  vi.useFakeTimers();
  unpacked = [];
});
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

async function connected(recording = new Recording(WELCOME, FRAMES, pack)) {
  const client = Client.connect(new Model(recording, { image: 0, layer: "", target: null }));
  await settle();
  return { recording, client };
}

describe("a recording", () => {
  it("greets and answers as a kernel does", async () => {
    const { client } = await connected();
    expect(client.welcome?.recorded).toBe(true);
    expect(client.values).toEqual(SELECTION);
    const frames: Frame[] = [];
    client.feed("maps").onFrame((frame) => frames.push(frame));
    client.feed("maps").request({ layer: "relu", image: 0 });
    await settle();
    expect(frames).toHaveLength(1);
    expect([...frames[0]!.arrays.maps!.data]).toEqual([5, 6, 7, 8]);
    expect(frames[0]!.arrays.maps!.scale).toEqual([0.5]);
    expect(client.feed("maps").status).toMatchObject({ phase: "done", ms: null });
    expect(unpacked).toEqual([1]);
  });

  it("tells a failure as it was", async () => {
    const { client } = await connected();
    client.feed("maps").request({ layer: "relu", image: 1 });
    await settle();
    expect(client.feed("maps").status.failure).toEqual({
      type: "ModelError",
      message: "It fell over.",
      hint: "Try another.",
    });
  });

  it("says what it does not hold", async () => {
    const { client } = await connected();
    client.feed("maps").request({ layer: "fc", image: 0 });
    await settle();
    expect(client.feed("maps").status.phase).toBe("error");
    expect(client.feed("maps").status.failure?.message).toBe("This page does not hold that.");
  });

  it("says where a piece is damaged", async () => {
    const broken = { bytes: () => Promise.reject(new Error("bad gzip")) };
    const { client } = await connected(new Recording(WELCOME, FRAMES, broken));
    client.feed("maps").request({ layer: "conv", image: 0 });
    await settle();
    expect(client.feed("maps").status.failure?.hint).toContain("bad gzip");
  });

  it("takes the predicted class where a target was not recorded for the next image", async () => {
    const { client } = await connected();
    for (const [target, after] of [
      [0, null],
      [2, 2],
      [-1, -1],
    ] as const) {
      client.select({ image: 0, target });
      await settle();
      client.select({ image: 1 });
      await settle();
      expect(client.values).toMatchObject({ image: 1, target: after });
    }
  });

  it("unpacks the selected image ahead, so that nothing waits", async () => {
    const { client, recording } = await connected();
    void recording.ahead();
    await settle();
    expect(unpacked).toEqual([0, 1]);
    const seen: Frame[] = [];
    client.feed("maps").onFrame((frame) => seen.push(frame));
    client.feed("maps").request({ image: 0, layer: "relu" });
    expect(seen).toHaveLength(1); // within the call
    client.select({ image: 1 });
    await settle();
    expect(unpacked).toEqual([0, 1, 2]);
  });
});

describe("the pack", () => {
  it("gives back each piece, whenever it is wanted", async () => {
    vi.useRealTimers();
    const pieces = BYTES.map((bytes) => packed(Uint8Array.from(bytes)));
    const index = packed(JSON.stringify({ blobs: pieces.map(({ length }) => length), words: "σ 2 px" }));
    const [told, carried] = await Pack.open<{ blobs: number[]; words: string }>(index, pieces.join(""));
    expect(told.words).toBe("σ 2 px");
    for (const i of [2, 0, 1]) expect([...new Uint8Array(await carried.bytes(i))]).toEqual(BYTES[i]);
  });

  it("does not take what is no gzip", async () => {
    vi.useRealTimers();
    await expect(Pack.open(btoa("nothing of the kind"), "")).rejects.toThrow();
  });
});

describe("the predictions", () => {
  async function shown() {
    const recording = new Recording(WELCOME, FRAMES, pack);
    const view = new Predictions(new Model(recording, { image: 0, target: null, count: 2 }));
    document.body.append(view.root);
    const { client } = await connected(recording);
    return { view, client };
  }
  const rows = (root: Element) => [...root.querySelectorAll(".xw-bar-row")];

  it("are the likeliest classes with their shares", async () => {
    const { view } = await shown();
    const texts = rows(view.root).map((row) => row.textContent);
    expect(texts).toEqual(["ant70.0 %", "bee20.0 %"]);
    expect(view.root.querySelector<HTMLElement>(".xw-bar")!.style.width).toBe("70%");
  });

  it("can be chosen only where explanations were recorded", async () => {
    const { view, client } = await shown();
    const [ant, bee] = rows(view.root);
    expect(bee!.tagName).toBe("SPAN");
    expect(bee!.getAttribute("title")).toContain("not in this page");
    expect(ant!.getAttribute("aria-pressed")).toBe("true");
    (ant as HTMLElement).click();
    await settle();
    expect(client.values.target).toBe(0);
    client.select({ target: 2 });
    await settle();
    expect(rows(view.root)[0]!.getAttribute("aria-pressed")).toBe("false");
  });

  it("follow the image", async () => {
    const { view, client } = await shown();
    client.select({ image: 1 });
    await settle();
    expect(rows(view.root).map((row) => row.textContent)).toEqual(["bee70.0 %", "ant20.0 %"]);
  });
});

describe("the page", () => {
  it("says what it holds, and shows the panels in their places", async () => {
    vi.useRealTimers();
    const place = {
      name: "predictions",
      cell: "xw-cell-predictions",
      grid: true,
      traits: { image: 0, count: 1 },
    };
    const index = {
      words: "This page holds 1 <b>image.",
      panels: [place],
      welcome: WELCOME,
      frames: FRAMES,
      blobs: [],
    };
    const root = document.createElement("main");
    document.body.append(root);
    await open(root, packed(JSON.stringify(index)), "");
    expect(root.querySelector(".xw-page-note")!.textContent).toBe("This page holds 1 <b>image.");
    expect(
      root.querySelector(".xw-explorer > .xw-grid > .xw-cell-predictions > .xw-predictions"),
    ).not.toBeNull();
    const off = ["layers", "features", "attribution", "baselines", "sweep", "compare", "visualization"].map(
      (name) => `xw-no-${name}`,
    );
    expect([...root.querySelector(".xw-explorer")!.classList]).toEqual(["xw-explorer", ...off]);
  });
});
