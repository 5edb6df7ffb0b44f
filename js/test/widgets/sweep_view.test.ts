import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { overlay } from "../../src/draw/heatmap";
import type { Params } from "../../src/live/client";
import panel from "../../src/widgets/sweep_view";
import { FakeKernel, type FakeLayer, type FakeModel, type FakeOptions, picture, resnet18 } from "../fake";
import { press } from "./stage";

const SIDE = 4;
const LAYERS = resnet18().slice(0, 5);
const METHODS = ["grad_cam", "occlusion", "attention_gradient"];
/** The third layer is the best one, the second has no map. */
const SCORES = [-0.25, Number.NaN, 0.75, 0.5, 0.125];
const PICTURE = picture(0, SIDE, SIDE);
const levels = (i: number) => Uint8Array.from({ length: SIDE * SIDE }, (_, p) => (p * 7 + i * 31) % 256);
const scaleOf = (i: number) => (i + 1) / 1000;

/** A kernel whose strip grows entry by entry. */
class SweepKernel extends FakeKernel {
  override answer(topic: string, params: Params, done = 1): ReturnType<FakeKernel["answer"]> {
    if (!topic.startsWith("which_")) return super.answer(topic, params, done);
    const names = topic === "which_layer" ? LAYERS.map(({ name }: FakeLayer) => name) : METHODS;
    const tried = Math.round(done * names.length);
    const entries = names.map((name, i) => {
      const failed = i < tried && Number.isNaN(SCORES[i]);
      const there = i < tried && !failed;
      const failure = failed ? "No position of it has a gradient." : "";
      return { name, there, signed: topic === "which_method", score: there ? SCORES[i]! : null, failure };
    });
    const shown = entries.map(({ there }, i) => (there ? i : -1)).filter((i) => i >= 0);
    const best = shown.reduce((one, i) => (one < 0 || SCORES[i]! > SCORES[one]! ? i : one), -1);
    const data = Uint8Array.from(shown.flatMap((i) => [...levels(i)]));
    const maps = {
      data,
      shape: [shown.length, SIDE, SIDE],
      scale: shown.map(scaleOf),
      zero: shown.map(() => 0),
    };
    return {
      meta: {
        target: { label: "tabby", index: 0 },
        best: names[best] ?? null,
        reason: best < 0 ? "" : `it moves the target by ${SCORES[best]}`,
        entries,
      },
      arrays: shown.length > 0 ? { maps, picture: { data: PICTURE, shape: [SIDE, SIDE, 3] } } : ({} as never),
    };
  }
}

const painted = new Map<HTMLCanvasElement, Uint8ClampedArray>();
let kernel: SweepKernel;
let model: FakeModel;
let root: HTMLElement;
let close: (() => void)[] = [];
const settle = (ms = 200) => vi.advanceTimersByTimeAsync(ms);

async function open(options: FakeOptions = {}, traits: Params = {}): Promise<void> {
  kernel = new SweepKernel({
    network: LAYERS,
    steps: 5,
    stepped: ["which_layer", "which_method"],
    ...options,
    selection: { method: "grad_cam", layer: LAYERS[3]!.name, ...options.selection },
  });
  model = kernel.panel({ question: "layer", fill: "blur", scale: "own", ...traits });
  const widget = panel();
  const end = widget.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const off = widget.render({ model, el });
  root = el.querySelector<HTMLElement>(".xw-sweep-view")!;
  close.push(off, end, () => el.remove());
  await Promise.resolve();
  kernel.welcome();
  await settle();
}

const one = <E extends HTMLElement = HTMLElement>(selector: string) => root.querySelector<E>(selector)!;
const cells = () => [...root.querySelectorAll<HTMLButtonElement>(".xw-sw-cell")];
const names = () => cells().map((cell) => cell.dataset.name);
const checked = () => cells().filter((cell) => cell.getAttribute("aria-checked") === "true");
const asked = (topic: string) =>
  kernel.requests.filter((one) => one.topic === topic).map(({ params }) => params);
const button = (text: string) =>
  [...root.querySelectorAll<HTMLButtonElement>("button")].find(({ textContent }) => textContent === text)!;
const segment = async (value: string) => {
  one<HTMLInputElement>(`input[value=${value}]`).click();
  await settle();
};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("IntersectionObserver", undefined); // without one, what is there is seen
  painted.clear();
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    return {
      putImageData: ({ data }: ImageData) => painted.set(this, data.slice()),
      clearRect: () => painted.delete(this),
    } as never;
  } as never);
  class Pixels {
    readonly data: Uint8ClampedArray;
    constructor(
      readonly width: number,
      readonly height: number,
    ) {
      this.data = new Uint8ClampedArray(4 * width * height);
    }
  }
  vi.stubGlobal("ImageData", Pixels);
});
afterEach(() => {
  for (const fn of close) fn();
  close = [];
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("the strip", () => {
  it("has every layer in the order in which they run, with its figure and a bar", async () => {
    await open();
    expect(names()).toEqual(LAYERS.map(({ name }) => name));
    expect(cells().map((cell) => cell.querySelector(".xw-sw-score")!.textContent)).toEqual([
      "−0.25",
      "",
      "+0.75",
      "+0.50",
      "+0.13",
    ]);
    const bars = cells().map((cell) => cell.querySelector<HTMLElement>(".xw-sw-bar")!);
    expect(bars.map((bar) => bar.style.getPropertyValue("--score"))).toEqual([
      "-0.25",
      "0",
      "0.75",
      "0.5",
      "0.125",
    ]);
    expect(bars.map((bar) => bar.hasAttribute("data-empty"))).toEqual([false, true, false, false, false]);
    expect(root.dataset.phase).toBe("done");
  });

  it("marks the best and the selected, and says so to readers", async () => {
    await open();
    expect(cells().map((cell) => cell.hasAttribute("data-best"))).toEqual([false, false, true, false, false]);
    expect(checked().map((cell) => cell.dataset.name)).toEqual([LAYERS[3]!.name]);
    const spoken = [...cells()[2]!.querySelectorAll("span, bdi")].filter((part) => !part.closest("[hidden]"));
    expect(
      spoken
        .map((part) => part.firstChild?.nodeValue)
        .filter(Boolean)
        .slice(0, 3),
    ).toEqual(["Best", LAYERS[2]!.name, "+0.75"]);
    expect(one(".xw-sw-answer").textContent).toBe(`Best ${LAYERS[2]!.name}: it moves the target by 0.75.`);
  });

  it("paints each map over the picture, on its own scale or on the largest of all", async () => {
    await open();
    const look = {
      colormap: "auto",
      clip: 100,
      sign: "positive",
      opacity: 0.75,
      blend: "blended",
      top: 100,
    } as const;
    const expected = (i: number, limit: number) => {
      const out = new Uint32Array(SIDE * SIDE);
      const map = { data: levels(i), width: SIDE, height: SIDE, scale: scaleOf(i), zero: 0 };
      overlay(PICTURE, map, look, out, [0, limit]);
      return [...new Uint8ClampedArray(out.buffer)];
    };
    // numpy's percentile over 16 sorted sizes: between the last two.
    const limit = (i: number) => {
      const sorted = [...levels(i)].sort((a, b) => a - b).map((level) => level * scaleOf(i));
      return sorted[14]! + (sorted[15]! - sorted[14]!) * (0.99 * 15 - 14);
    };
    const shown = (i: number) => [...painted.get(cells()[i]!.querySelector("canvas")!)!];
    for (const i of [0, 2, 4]) expect(shown(i)).toEqual(expected(i, limit(i)));
    await segment("shared");
    const most = Math.max(...[0, 2, 3, 4].map(limit));
    for (const i of [0, 2, 4]) expect(shown(i)).toEqual(expected(i, most));
    expect(Number(one(".xw-scale").dataset.limit)).toBeCloseTo(most, 9);
    expect(one(".xw-sw-limit").textContent).toBe("");
  });

  it("grows: what is ready is shown, the rest has its place", async () => {
    await open({ latency: { which_layer: 1000 } });
    await settle(1000);
    expect(cells()).toHaveLength(5);
    expect(root.dataset.judged).toBe("1");
    expect(one(".xw-sw-answer").textContent).toContain("Best so far");
    expect(root.dataset.phase).toBe("refining");
    await settle(1000);
    expect(root.dataset.judged).toBe("4");
  });

  it("keeps what was asked before, dimmed, until there is something newer", async () => {
    await open();
    kernel.latency = { which_layer: 1000 };
    kernel.state({ seed: 1 });
    await settle(1100);
    const dim = () => cells().map((cell) => cell.hasAttribute("data-pending"));
    expect(dim()).toEqual([false, true, true, true, true]);
    expect(painted.has(cells()[2]!.querySelector("canvas")!)).toBe(true);
    await settle(1000);
    expect(dim()).toEqual([false, false, false, false, false]);
  });

  it("tells what gives no map, and why", async () => {
    await open();
    expect(cells()[1]!.getAttribute("aria-disabled")).toBe("true");
    expect(one(".xw-refused summary").textContent).toBe("One gives no map");
    expect(one(".xw-refused li").textContent).toBe(`${LAYERS[1]!.name} No position of it has a gradient.`);
    cells()[1]!.click();
    expect(kernel.selection.layer).toBe(LAYERS[3]!.name);
  });
});

describe("choosing", () => {
  it("a click selects the layer for all panels, and asks for nothing new", async () => {
    await open();
    cells()[0]!.click();
    await settle();
    expect(kernel.selection.layer).toBe(LAYERS[0]!.name);
    expect(checked()).toEqual([cells()[0]]);
    expect(asked("which_layer")).toHaveLength(1);
  });

  it("the best one is one click away", async () => {
    await open();
    button("Select it").click();
    await settle();
    expect(kernel.selection.layer).toBe(LAYERS[2]!.name);
    expect(button("Selected").disabled).toBe(true);
  });

  it("follows a layer that is selected elsewhere; one that isn't in the strip leaves a way in", async () => {
    await open();
    kernel.state({ layer: LAYERS[4]!.name });
    expect(checked()).toEqual([cells()[4]]);
    kernel.state({ layer: "classifier" });
    expect(checked()).toEqual([]);
    expect(cells().map(({ tabIndex }) => tabIndex)).toEqual([0, -1, -1, -1, -1]);
  });

  it("arrows go over what has no map, Home and End to the ends", async () => {
    await open({ selection: { layer: LAYERS[0]!.name } });
    cells()[0]!.focus();
    press(document.activeElement!, "ArrowRight");
    await settle();
    expect(kernel.selection.layer).toBe(LAYERS[2]!.name);
    expect(document.activeElement).toBe(cells()[2]);
    expect(cells().map(({ tabIndex }) => tabIndex)).toEqual([-1, -1, 0, -1, -1]);
    press(document.activeElement!, "ArrowLeft");
    press(document.activeElement!, "ArrowLeft");
    await settle();
    expect(kernel.selection.layer).toBe(LAYERS[0]!.name);
    press(document.activeElement!, "End");
    await settle();
    expect(kernel.selection.layer).toBe(LAYERS[4]!.name);
  });
});

describe("asking", () => {
  it("asks for what is selected, but not for its layer", async () => {
    await open({ selection: { target: 2, seed: 7 } });
    const rest = {
      image: 0,
      target: 2,
      method: "grad_cam",
      params: { relu: true },
      baseline: null,
      seed: 7,
      fill: "blur",
    };
    expect(asked("which_layer")).toEqual([rest]);
    await segment("noise");
    expect(asked("which_layer").at(-1)).toEqual({ ...rest, fill: "noise" });
    await segment("method");
    const layer = LAYERS[3]!.name;
    const methods = {
      image: 0,
      target: 2,
      layer,
      baseline: kernel.selection.baseline,
      seed: 7,
      fill: "noise",
    };
    expect(asked("which_method")).toEqual([methods]);
    expect(one(".xw-title").textContent).toContain("Which method?");
    cells()[0]!.click();
    await settle();
    expect(asked("which_method")).toHaveLength(1);
  });

  it("a method that looks at no layer is told, not asked for", async () => {
    await open({ selection: { method: "integrated_gradients" } });
    expect(asked("which_layer")).toEqual([]);
    expect(one(".xw-notice").hidden).toBe(false);
    expect(one(".xw-notice").textContent).toContain("looks at no layer");
    await segment("method");
    expect(one(".xw-notice").hidden).toBe(true);
  });

  it("Escape stops it; a click then selects and does not begin again, Go on does", async () => {
    await open({ latency: { which_layer: 1000 } });
    await settle(1000);
    const { defaultPrevented } = press(root, "Escape");
    expect(defaultPrevented).toBe(true);
    await settle(2000);
    expect(root.dataset.phase).toBe("cancelled");
    expect(root.dataset.judged).toBe("1");
    cells()[0]!.click();
    await settle();
    expect(asked("which_layer")).toHaveLength(1);
    button("Go on").click();
    await settle(3000);
    expect(root.dataset.phase).toBe("done");
    expect(button("Go on").hidden).toBe(true);
    kernel.state({ target: 1 });
    await settle(100);
    expect(asked("which_layer").at(-1)!.target).toBe(1);
    expect(root.hasAttribute("data-outdated")).toBe(true);
  });

  it("says what went wrong, and tries again", async () => {
    await open();
    kernel.failures.set("which_layer", {
      type: "ModelError",
      message: "The network broke.",
      hint: "Mend it.",
    });
    kernel.state({ seed: 3 });
    await settle();
    expect(one(".xw-notice").textContent).toContain("The network broke.");
    kernel.failures.clear();
    button("Try again").click();
    await settle();
    expect(root.dataset.phase).toBe("done");
    expect(one(".xw-notice").hidden).toBe(true);
  });
});
