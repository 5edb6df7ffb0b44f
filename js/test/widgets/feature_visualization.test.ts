import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import panel from "../../src/widgets/feature_visualization";
import { FakeKernel, type FakeModel, type FakeOptions, picture } from "../fake";
import { mount, press, setStage, settle } from "./stage";

let kernel: FakeKernel;
let model: FakeModel;
let root: HTMLElement;
let close: (() => void)[] = [];

const STEPS = {
  name: "steps",
  kind: "int",
  default: 128,
  low: 1,
  high: 1024,
  step: null,
  log: true,
  choices: [],
  label: "steps",
  unit: "",
  help: "",
};
const ROTATE = { ...STEPS, name: "rotate", kind: "float", default: 5, low: 0, high: 45, log: false };
const TRAITS = {
  image: 0,
  target: null,
  layer: null,
  channel: null,
  unit: "channel",
  settings: {},
  steps: 64,
  attempt: 0,
  playing: true,
  most: 2,
  _params: [STEPS, ROTATE],
  _source: -1,
};

/** What the kernel would say of a unit. */
function made(topic: string, params: any) {
  if (topic === "examples") {
    const entries = [
      { name: "a.png", score: 3.5, box: [0.25, 0.5, 0.75, 1] },
      { name: "b.png", score: 1.25, box: [0, 0, 1, 1] },
    ];
    const tile = { data: picture(0, 8, 8), shape: [8, 8, 3] };
    const meta = { entries, seen: 2, total: 5, skipped: 1, meaning: "receptive field", label: "unit" };
    return { meta, arrays: { example_0: tile, example_1: tile } };
  }
  const count = params.settings.count ?? 1;
  const history = Float32Array.from({ length: params.until }, (_, i) => i);
  const meta = {
    label: `${params.layer} channel ${params.channel}`,
    iterations: params.until,
    scores: [1],
    evidence: { line: "0 → 1", worst: "holds", checks: [] },
  };
  const data = new Uint8Array(count * 4 * 4 * 3).fill(7);
  return {
    meta,
    arrays: {
      pictures: { data, shape: [count, 4, 4, 3] },
      history: { data: history, shape: [history.length] },
    },
  };
}

async function open(options: FakeOptions = {}, traits = {}): Promise<void> {
  kernel = new FakeKernel(options);
  const usual = kernel.answer.bind(kernel);
  kernel.answer = (topic, params, done) =>
    topic === "feature" || topic === "examples" ? (made(topic, params) as never) : usual(topic, params, done);
  model = kernel.panel({ ...TRAITS, ...traits });
  const mounted = await mount(panel, kernel, model, ".xw-feature-visualization");
  root = mounted.root;
  close.push(mounted.close);
}

const asked = () => kernel.requests.filter(({ topic }) => topic === "feature").map(({ params }) => params);
const button = (label: string) =>
  [...root.querySelectorAll<HTMLButtonElement>(".xw-fv-bar button")].find(
    ({ textContent }) => textContent === label,
  )!;

beforeEach(() => {
  setStage();
  vi.stubGlobal("IntersectionObserver", undefined); // without one, what is there is seen
});
afterEach(() => {
  for (const fn of close) fn();
  close = [];
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("what is asked for", () => {
  it("is the unit of the selection, to the last iteration", async () => {
    await open();
    const { layer } = kernel.selection;
    expect(asked()).toEqual([
      { unit: "channel", image: 0, target: null, layer, channel: 0, settings: {}, seed: 0, until: 64 },
    ]);
    expect(root.querySelector(".xw-title b")!.textContent).toBe(`${layer} channel 0`);
    expect(root.querySelector(".xw-fv-count")!.textContent).toBe("64 of 64");
    expect(root.querySelector("polyline")!.getAttribute("points")!.split(" ")).toHaveLength(64);
  });

  it("follows another channel, and not the image, which a channel does not depend on", async () => {
    await open();
    kernel.state({ image: 1 });
    await settle();
    expect(asked()).toHaveLength(1);
    kernel.state({ channel: 5 });
    await settle();
    expect(asked().at(-1)).toMatchObject({ channel: 5, until: 64 });
  });

  it("follows image and target where it is a class", async () => {
    await open({}, { unit: "class" });
    kernel.state({ image: 1, target: 3 });
    await settle();
    expect(asked().at(-1)).toMatchObject({ unit: "class", image: 1, target: 3, layer: null });
    const before = asked().length;
    kernel.state({ channel: 4 });
    await settle();
    expect(asked()).toHaveLength(before);
  });

  it("is what the controls say, and goes to Python", async () => {
    await open();
    const rotate = root.querySelectorAll<HTMLInputElement>(".xw-fv-controls input[type=number]");
    const box = [...rotate].find((one) => one.max === "45")!;
    box.value = "9";
    box.dispatchEvent(new Event("input"));
    await settle();
    expect(model.get("settings")).toEqual({ rotate: 9 });
    expect(asked().at(-1)).toMatchObject({ settings: { rotate: 9 }, until: 64 });
  });
});

describe("the buttons", () => {
  it("hold it by Escape, and go on", async () => {
    await open({ latency: { feature: 5000 } });
    expect(button("Pause")).toBeTruthy();
    press(root, "Escape");
    await settle();
    expect(root.dataset.phase).toBe("cancelled");
    expect(model.get("playing")).toBe(false);
    const before = asked().length;
    model.set("most", 3); // nothing that concerns it
    await settle();
    expect(asked()).toHaveLength(before);
    kernel.latency = 0;
    button("Resume").click();
    await settle();
    expect(model.get("playing")).toBe(true);
    expect(asked().at(-1)).toMatchObject({ until: 64 });
    expect(root.dataset.phase).toBe("done");
  });

  it("make one block of iterations more", async () => {
    await open();
    button("Step").click();
    await settle();
    expect(asked().at(-1)).toMatchObject({ until: 80 });
    button("Step").click();
    await settle();
    expect(asked().at(-1)).toMatchObject({ until: 96 });
    expect(root.querySelector(".xw-fv-count")!.textContent).toBe("96 of 96");
    // Another unit gets a first look, and is held.
    kernel.state({ channel: 2 });
    await settle();
    expect(asked().at(-1)).toMatchObject({ channel: 2, until: 16 });
  });

  it("start anew with another seed", async () => {
    await open();
    button("Restart").click();
    await settle();
    expect(model.get("attempt")).toBe(1);
    expect(asked().at(-1)).toMatchObject({ seed: 1, until: 64 });
  });

  it("go on for as long again where it has ended", async () => {
    await open();
    button("Go on").click();
    await settle();
    expect(asked().at(-1)).toMatchObject({ until: 128 });
  });
});

describe("what is shown", () => {
  it("is every picture, with a name for those who do not see it", async () => {
    await open({}, { settings: { count: 4 } });
    const labels = [...root.querySelectorAll(".xw-pane-feature canvas")].map((one) =>
      one.getAttribute("aria-label"),
    );
    expect(labels).toHaveLength(4);
    expect(labels[1]).toBe(`Picture 2 of 4 for ${kernel.selection.layer} channel 0, 64 iterations`);
  });

  it("are the examples, framed where not all of it counts", async () => {
    await open();
    const tiles = [...root.querySelectorAll(".xw-fv-examples > li")];
    expect(tiles.map((one) => one.querySelector(".xw-fv-figure")!.textContent)).toEqual(["3.5", "1.25"]);
    const boxes = tiles.map((one) => one.querySelector<HTMLElement>(".xw-fv-box")!);
    expect(boxes.map(({ hidden }) => hidden)).toEqual([false, true]);
    expect(boxes[0]!.style.left).toBe("25%");
    expect(boxes[0]!.style.width).toBe("50%");
    expect(root.querySelector(".xw-fv-note")!.textContent).toContain("2 of 5 pictures, 1 could not be read");
  });

  it("is an error with what to do", async () => {
    await open();
    kernel.failures.set("feature", { type: "ModelError", message: "It broke.", hint: "Mend it." });
    kernel.state({ channel: 7 });
    await settle();
    expect(root.dataset.phase).toBe("error");
    expect(root.querySelector(".xw-notice")!.textContent).toContain("Mend it.");
  });
});
