import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lut } from "../../src/draw/colormap";
import { indexOf } from "../../src/draw/heatmap";
import { Client, type Params } from "../../src/live/client";
import panel, { BaselineLab } from "../../src/widgets/baseline_lab";
import { tabs } from "../../src/widgets/baseline_tabs";
import { type FakeModel, type FakeOptions, METHODS } from "../fake";
import {
  contribution,
  HEIGHT,
  LabKernel,
  mapOf,
  nodesOf,
  photograph,
  reference,
  WIDTH,
} from "./baselines/kernel";

// What this test's document lacks: pixels, and being seen.
let seen: ((visible: boolean) => void)[] = [];
class Watcher {
  constructor(private readonly fn: (entries: { isIntersecting: boolean }[]) => void) {}
  observe(): void {
    seen.push((visible) => this.fn([{ isIntersecting: visible }]));
  }
  disconnect(): void {}
}
const painted = new Map<HTMLCanvasElement, Uint8ClampedArray>();
const lines: unknown[][] = [];
class Pixels {
  readonly data: Uint8ClampedArray;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

interface Stage {
  kernel: LabKernel;
  model: FakeModel;
  root: HTMLElement;
  view: BaselineLab;
  client: Client;
  looks: Params[];
}

const COMPARED = [{ name: "black" }, { name: "white" }, { name: "blur", sigma: 10 }];
const SIZE = WIDTH * HEIGHT;
const settle = (ms = 200) => vi.advanceTimersByTimeAsync(ms);
let stages: Stage[] = [];

async function stage(
  options: FakeOptions & { broken?: string[] } = {},
  traits: Params = {},
  visible = true,
): Promise<Stage> {
  const kernel = new LabKernel(options);
  for (const name of options.broken ?? []) kernel.broken.add(name);
  const model = kernel.panel({ tab: "path", alpha: 0.5, baselines: COMPARED, baseline: {}, ...traits });
  const root = document.createElement("div");
  document.body.append(root);
  const client = Client.connect(model);
  const looks: Params[] = [];
  const charts = { show: (look: unknown) => void looks.push(look as Params) };
  const view = new BaselineLab(client, model, root, charts, Promise.resolve(tabs));
  const made = { kernel, model, root, view, client, looks };
  stages.push(made);
  if (visible) for (const see of seen) see(true);
  await settle();
  return made;
}

const one = <E extends Element = HTMLElement>({ root }: Stage, selector: string) =>
  root.querySelector<E>(selector)!;
const all = <E extends Element = HTMLElement>({ root }: Stage, selector: string) => [
  ...root.querySelectorAll<E>(selector),
];
const asked = (at: Stage, topic: string) =>
  at.kernel.requests.filter((request) => request.topic === topic).map(({ params }) => params as any);
const press = (target: Element, key: string, more: KeyboardEventInit = {}) => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event;
};
/** The test's document has no layout: a canvas is one pixel wide, so that a place is a share of it. */
const point = (target: Element, type: string, x: number, y: number, more: PointerEventInit = {}) =>
  target.dispatchEvent(
    new PointerEvent(type, { clientX: x, clientY: y, bubbles: true, button: 0, pointerId: 1, ...more }),
  );
const field = (at: Stage, label: string) =>
  all(at, ".xw-field").find((found) => found.querySelector(".xw-label")?.textContent === label)!;
const choose = async (at: Stage, label: string, value: string) => {
  const box = field(at, label).querySelector("select")!;
  box.value = value;
  box.dispatchEvent(new Event("change"));
  await settle();
};
const type = (input: HTMLInputElement, value: string) => {
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const range = (at: Stage, label: string) => field(at, label).querySelector<HTMLInputElement>(".xw-range")!;
const button = (at: Stage, name: string) =>
  all<HTMLButtonElement>(at, "button").find((found) => found.textContent === name)!;
const open = async (at: Stage, tab: string) => {
  one<HTMLInputElement>(at, `.xw-head input[value=${tab}]`).click();
  await settle();
};
const pixels = (at: Stage, kind: string, index = 0) =>
  painted.get(all<HTMLCanvasElement>(at, `.xw-bl-body .xw-pane-${kind} canvas`)[index]!)!;
const colour = (data: Uint8ClampedArray, p: number) => [...data.subarray(4 * p, 4 * p + 3)];
/** What a signed value looks like on a scale that ends at `limit`. */
const paint = (value: number, limit: number) => {
  const at = 3 * indexOf(value, -limit, limit, true);
  return [...lut("blue-red").subarray(at, at + 3)];
};
const hexOf = (p: number) =>
  `#${[0, 1, 2].map((c) => photograph(0)[3 * p + c]!.toString(16).padStart(2, "0")).join("")}`;
const limitOf = (pane: Element) =>
  Number(pane.parentElement!.querySelector<HTMLElement>(".xw-scale")!.dataset.limit);

beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
  stages = [];
  painted.clear();
  lines.length = 0;
  vi.stubGlobal("IntersectionObserver", Watcher);
  vi.stubGlobal("ImageData", Pixels);
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    return {
      putImageData: (image: ImageData) => painted.set(this, image.data.slice()),
      clearRect: () => painted.delete(this),
      beginPath: () => {},
      stroke: () => {},
      moveTo: (...place: number[]) => lines.push(["from", ...place]),
      lineTo: (...place: number[]) => lines.push(["to", ...place]),
    } as never;
  });
});
afterEach(() => {
  for (const { view, client, root } of stages) {
    view.dispose();
    client.dispose();
    root.remove();
  }
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("what is asked", () => {
  const base = { image: 0, target: null, seed: 0 };

  it("is the picture, the baseline and what the tab shows, and nothing while nobody sees it", async () => {
    const at = await stage({}, {}, false);
    expect(at.kernel.requests).toEqual([]);
    for (const see of seen) see(true);
    await settle();
    expect(asked(at, "input")).toEqual([{ image: 0 }]);
    expect(asked(at, "baseline")).toEqual([{ image: 0, baseline: { name: "black" } }]);
    expect(asked(at, "path")).toEqual([{ ...base, baseline: { name: "black" }, nodes: 33 }]);
    expect(new Set(at.kernel.requests.map(({ topic }) => topic))).toEqual(
      new Set(["input", "predictions", "baseline", "path"]),
    );
  });

  it("changes with the tab, and what was left is stopped", async () => {
    const at = await stage({ latency: { path: 900 } });
    expect(at.root.dataset.phase).toBe("waiting");
    await open(at, "compare");
    expect(asked(at, "compare")).toEqual([{ ...base, baselines: COMPARED }]);
    expect(at.client.feed("path").status.phase).toBe("cancelled");
    await open(at, "references");
    expect(asked(at, "references")).toEqual([{ ...base, source: "images", count: 16 }]);
    expect(at.model.get("tab")).toBe("references");
    await open(at, "path");
    expect(asked(at, "path")).toHaveLength(2);
  });

  it("fills the parameters of compared baselines in, so that one wish has one key", async () => {
    const at = await stage(
      {},
      { tab: "compare", baselines: [{ name: "blur" }, { name: "black", strange: 1 }] },
    );
    expect(asked(at, "compare")[0].baselines).toEqual([{ name: "blur", sigma: 10 }, { name: "black" }]);
  });

  it("takes integrated gradients' own baseline, whatever method is selected", async () => {
    const at = await stage({ selection: { method: "occlusion", baseline: {} } });
    expect(asked(at, "path")[0].baseline).toEqual({ name: "black" });
  });

  it("of an ablation are the maps that are explained already, and never the others a second time", async () => {
    const at = await stage({ latency: { ablation: 300 } }, { tab: "ablation" });
    expect(asked(at, "compare")).toEqual([]);
    await settle(3000);
    const subsets = asked(at, "compare").map(({ baselines }) => baselines.length);
    expect(subsets).toEqual([1, 2, 3]);
    expect(at.root.dataset.phase).toBe("done");
  });

  it("is asked again by neither α nor the look of a map", async () => {
    const at = await stage();
    const before = at.kernel.requests.length;
    for (const key of ["Home", "ArrowRight", "PageUp", "End"])
      press(range(at, "α, the share of the way"), key);
    press(range(at, "Clip at percentile"), "Home");
    expect(at.model.get("alpha")).toBe(1);
    expect(at.kernel.requests.length).toBe(before);
    expect(at.model.sent.filter(({ type: kind }) => kind === "select")).toEqual([]);
    expect(at.model.saved).toBe(0);
    await settle();
    expect(at.model.saved).toBe(1);
    expect(at.looks.at(-1)).toMatchObject({ alpha: 1, clip: 50 });
    point(range(at, "α, the share of the way"), "pointerdown", 0, 0);
    press(at.root, "ArrowLeft");
    await settle(2000);
    expect(at.model.saved).toBe(1);
    point(range(at, "α, the share of the way"), "pointerup", 0, 0);
    await settle();
    expect(at.model.saved).toBe(2);
  });
});

describe("the path", () => {
  const nodes = nodesOf(5);
  const value = (p: number, at: number) => {
    const right = Math.max(
      1,
      nodes.findIndex((node) => node >= at),
    );
    const [a, b] = [nodes[right - 1]!, nodes[right]!];
    const share = (at - a) / (b - a);
    return (1 - share) * contribution(p, a) + share * contribution(p, b);
  };
  const area = (p: number, to: number) => {
    const steps = 2000;
    let sum = 0;
    for (let i = 0; i < steps; i++) sum += (value(p, ((i + 0.5) / steps) * to) * to) / steps;
    return sum;
  };
  const close = (found: number[], wanted: number[]) => {
    for (let c = 0; c < 3; c++) expect(Math.abs(found[c]! - wanted[c]!)).toBeLessThanOrEqual(6);
  };

  for (const alpha of [0, 0.13, 0.5, 0.8, 1]) {
    it(`at α ${alpha} is the blend, the gradient there and the sum so far`, async () => {
      const at = await stage({ selection: { baseline: { name: "white" } } }, { alpha });
      const [from, to] = [reference({ name: "white" }), photograph(0)];
      const limits = all(at, ".xw-bl-row .xw-scale").map((scale) => Number(scale.dataset.limit));
      for (let p = 0; p < SIZE; p++) {
        const mixed = [0, 1, 2].map((c) =>
          Math.floor((1 - alpha) * from[3 * p + c]! + alpha * to[3 * p + c]! + 0.5),
        );
        expect(colour(pixels(at, "between"), p)).toEqual(mixed);
        close(colour(pixels(at, "gradient"), p), paint(value(p, alpha), limits[0]!));
        close(colour(pixels(at, "sum"), p), paint(area(p, alpha), limits[1]!));
      }
    });
  }

  it("keeps its colours' meaning while α moves", async () => {
    const at = await stage({}, { alpha: 0.1 });
    const before = all(at, ".xw-bl-row .xw-ticks").map((ticks) => ticks.textContent);
    const sums = pixels(at, "sum");
    at.model.set("alpha", 0.9);
    expect(all(at, ".xw-bl-row .xw-ticks").map((ticks) => ticks.textContent)).toEqual(before);
    expect(pixels(at, "sum")).not.toEqual(sums);
  });

  it("tells output, sum, and where the output stands still", async () => {
    const at = await stage({}, { alpha: 0.5 });
    const [start, middle, end] = all(at, ".xw-bl-path .xw-bl-ends > span").map((span) => span.textContent);
    expect([start, end]).toEqual(["baseline: f 2", "image: f 10"]);
    const sum = Array.from({ length: SIZE }, (_, p) => area(p, 0.5)).reduce((a, b) => a + b, 0);
    const figure = Number(/summed so far ([+−][\d.]+)/.exec(middle!)![1]!.replace("−", "-"));
    expect(figure).toBeCloseTo(sum, 1);
    expect(middle).toMatch(/^f 6 · /);
    expect(one(at, ".xw-bl-path .xw-bl-note").textContent).toContain("Saturated from α 0.60 to 0.90");
    expect(one(at, ".xw-bl-ticks").dataset.saturated).toBe("0.600 0.900");
    expect(one(at, ".xw-bl-ticks").children).toHaveLength(5);
  });

  it("shows a first picture of one gradient, and says no more than that holds", async () => {
    const at = await stage({ latency: { path: 900 } });
    await settle(900);
    expect(at.root.dataset).toMatchObject({ phase: "refining", nodes: "1" });
    const [start] = all(at, ".xw-bl-path .xw-bl-ends > span");
    expect(start!.textContent).toBe("baseline");
    const limits = all(at, ".xw-bl-row .xw-scale").map((scale) => Number(scale.dataset.limit));
    const sum = pixels(at, "sum");
    for (let p = 0; p < SIZE; p++) close(colour(sum, p), paint(contribution(p, 0.5) * 0.5, limits[1]!));
  });

  it("moves by the keys of its slider and of the view", async () => {
    const at = await stage();
    const slider = range(at, "α, the share of the way");
    const steps: [Element, string, KeyboardEventInit, number][] = [
      [slider, "ArrowRight", {}, 0.51],
      [at.root, "ArrowLeft", {}, 0.5],
      [at.root, "ArrowRight", { shiftKey: true }, 0.6],
      [slider, "End", {}, 1],
      [at.root, "ArrowRight", {}, 1],
      [at.root, "Home", {}, 0],
    ];
    for (const [target, key, more, alpha] of steps) {
      press(target, key, more);
      expect(at.model.get("alpha")).toBe(alpha);
      expect(at.root.dataset.alpha).toBe(String(alpha));
    }
    expect(press(at.root, "q").defaultPrevented).toBe(false);
  });

  it("reads the pixel that is pointed at, in every picture", async () => {
    const at = await stage({}, { alpha: 1 });
    point(one(at, ".xw-pane-sum"), "pointermove", 0.3, 0.4);
    const [x, y] = [Math.floor(0.3 * WIDTH), Math.floor(0.4 * HEIGHT)];
    const p = y * WIDTH + x;
    const reading = one(at, ".xw-bl-path .xw-reading").textContent!;
    expect(reading).toContain(`x ${x}  y ${y}`);
    expect(reading).toContain(`#000000 → ${hexOf(p)}`);
    expect(Number(/summed ([+−][\d.]+)/.exec(reading)![1]!.replace("−", "-"))).toBeCloseTo(area(p, 1), 2);
    const crosses = all(at, ".xw-bl-row .xw-cross, .xw-bl-preview .xw-cross");
    expect(crosses).toHaveLength(12);
    expect(crosses.every((cross) => !cross.hidden)).toBe(true);
    press(at.root, "Escape");
    expect(crosses.every((cross) => cross.hidden)).toBe(true);
  });
});

describe("the baseline", () => {
  it("is chosen, and made by its parameters", async () => {
    const at = await stage();
    await choose(at, "Baseline", "blur");
    expect(at.client.values.baseline).toEqual({ name: "blur", sigma: 10 });
    type(field(at, "Sigma").querySelector<HTMLInputElement>(".xw-number-box")!, "20");
    await settle();
    expect(asked(at, "baseline").at(-1)).toEqual({ image: 0, baseline: { name: "blur", sigma: 20 } });
    expect(asked(at, "path").at(-1).baseline).toEqual({ name: "blur", sigma: 20 });
    expect(at.root.dataset).toMatchObject({ baseline: "blur", preview: "blur" });
  });

  it("keeps the parameters it was left with", async () => {
    const at = await stage({ selection: { baseline: { name: "blur", sigma: 33 } } });
    await choose(at, "Baseline", "black");
    await choose(at, "Baseline", "blur");
    expect(at.client.values.baseline).toEqual({ name: "blur", sigma: 33 });
  });

  it("is hatched where the image equals it, and that is said", async () => {
    const at = await stage({ selection: { baseline: { name: "blur" } } });
    const [own, shown] = [photograph(0), pixels(at, "image")];
    const differs = (p: number) => [0, 1, 2].some((c) => shown[4 * p + c] !== own[3 * p + c]);
    const places = [...Array(SIZE).keys()].filter(differs);
    expect(places.length).toBeGreaterThan(3);
    expect(places.every((p) => p < SIZE / 2)).toBe(true);
    expect(one(at, ".xw-bl-blind").textContent).toMatch(/^50\.0 % of the pixels equal the baseline/);
    expect(one<HTMLCanvasElement>(at, ".xw-pane-image canvas").getAttribute("aria-label")).toContain(
      "50.0 %",
    );
  });

  it("says what is wrong with it where it stands", async () => {
    const at = await stage();
    at.kernel.failures.set("baseline", {
      type: "ParameterError",
      message: "No such picture.",
      hint: "Add one.",
    });
    await choose(at, "Baseline", "image");
    expect(one(at, ".xw-bl-blind").textContent).toBe("No such picture. Add one.");
    expect(one(at, ".xw-bl-blind").hasAttribute("data-failed")).toBe(true);
  });

  it("that is a distribution is offered only where it is selected", async () => {
    const at = await stage();
    const offered = () => [...field(at, "Baseline").querySelectorAll("option")].map(({ value }) => value);
    expect(offered()).not.toContain("distribution");
    const { needs } = METHODS.find(({ name }) => name === "integrated_gradients")!;
    needs.push("distribution");
    at.client.select({ baseline: { name: "distribution" } });
    await settle();
    needs.pop();
    expect(offered()).toContain("distribution");
    expect(asked(at, "path").at(-1).baseline).toEqual({ name: "distribution" });
  });

  it("takes a grey level", async () => {
    const at = await stage({ selection: { baseline: { name: "color", color: "#ff0000" } } });
    const grey = field(at, "Grey level").querySelector<HTMLInputElement>(".xw-number-box")!;
    expect(grey.value).toBe("76");
    type(grey, "200");
    expect(at.client.values.baseline).toEqual({ name: "color", color: "#c8c8c8" });
  });

  it("takes a colour from the image, by a click", async () => {
    const at = await stage({ selection: { baseline: { name: "color", color: "#808080" } } });
    button(at, "Pick from the image").click();
    const image = one(at, ".xw-pane-image");
    expect(image.hasAttribute("data-picking")).toBe(true);
    point(image, "pointermove", 0.9, 0.6);
    const p = Math.floor(0.6 * HEIGHT) * WIDTH + Math.floor(0.9 * WIDTH);
    expect(one(at, ".xw-bl-blind").textContent).toBe(hexOf(p));
    point(image, "pointerdown", 0.9, 0.6);
    expect(at.client.values.baseline).toEqual({ name: "color", color: hexOf(p) });
    expect(image.hasAttribute("data-picking")).toBe(false);
  });

  it("takes a colour by keys, or leaves it by Escape without stopping the work", async () => {
    const at = await stage({
      selection: { baseline: { name: "color", color: "#808080" } },
      latency: { path: 5000 },
    });
    const image = one(at, ".xw-pane-image");
    button(at, "Pick from the image").click();
    expect(document.activeElement).toBe(image);
    press(image, "Escape");
    expect(image.hasAttribute("data-picking")).toBe(false);
    expect(at.root.dataset.phase).toBe("waiting");
    button(at, "Pick from the image").click();
    press(image, "ArrowRight");
    press(image, "ArrowDown");
    press(image, "Enter");
    const p = ((HEIGHT >> 1) + 1) * WIDTH + (WIDTH >> 1) + 1;
    expect(at.client.values.baseline).toEqual({ name: "color", color: hexOf(p) });
  });
});

describe("painting", () => {
  const painter = () => stage({ selection: { baseline: { name: "painted" } } });
  const stroke = (at: Stage, kind: string, ...places: [number, number][]) => {
    const pane = one(at, `.xw-pane-${kind}`);
    places.forEach(([x, y], i) => {
      point(pane, i === 0 ? "pointerdown" : "pointermove", x, y);
    });
    point(pane, "pointerup", ...places.at(-1)!);
  };

  it("makes strokes of brush colour and size, seen at once and told when they end", async () => {
    const at = await painter();
    at.kernel.silent = true;
    type(field(at, "Brush colour").querySelector("input")!, "#ff8800");
    type(field(at, "Brush size").querySelector<HTMLInputElement>(".xw-number-box")!, "20");
    const pane = one(at, ".xw-pane-baseline");
    point(pane, "pointerdown", 0.25, 0.5);
    point(pane, "pointermove", 0.5, 0.5);
    expect(lines).toContainEqual(["to", 0.5 * WIDTH, 0.5 * HEIGHT]);
    expect(at.client.values.baseline).toEqual({ name: "painted" });
    point(pane, "pointermove", 0.505, 0.5);
    point(pane, "pointerup", 0.505, 0.5);
    expect(at.client.values.baseline).toEqual({
      name: "painted",
      over: "picture",
      strokes: [
        {
          color: "#ff8800",
          size: 0.2,
          points: [
            [0.25, 0.5],
            [0.5, 0.5],
          ],
        },
      ],
    });
  });

  it("goes on where the path shows the baseline, and is undone and cleared", async () => {
    const at = await painter();
    stroke(at, "baseline", [0.1, 0.1], [0.4, 0.1]);
    stroke(at, "reference", [0.6, 0.6]);
    await settle();
    const strokes = () => at.client.values.baseline.strokes as { points: unknown[] }[];
    expect(strokes().map(({ points }) => points.length)).toEqual([2, 1]);
    expect(asked(at, "path").at(-1).baseline.strokes).toHaveLength(2);
    button(at, "Undo").click();
    expect(strokes()).toHaveLength(1);
    await settle();
    button(at, "Clear").click();
    expect(strokes()).toEqual([]);
    await settle();
    expect(button(at, "Undo").disabled).toBe(true);
  });

  it("ends where the kernel would refuse more, and says so", async () => {
    const strokes = Array.from({ length: 64 }, () => ({ color: "#000000", size: 0.1, points: [[0.5, 0.5]] }));
    const at = await stage({ selection: { baseline: { name: "painted", over: "black", strokes } } });
    stroke(at, "baseline", [0.1, 0.1]);
    expect(at.client.values.baseline.strokes).toHaveLength(64);
    expect(one(at, ".xw-bl-side").textContent).toContain("64 strokes are the most");
  });

  it("is off for every other baseline", async () => {
    const at = await stage();
    stroke(at, "baseline", [0.1, 0.1], [0.4, 0.1]);
    expect(at.client.values.baseline).toEqual({ name: "black" });
    expect(one(at, ".xw-pane-baseline").hasAttribute("data-paintable")).toBe(false);
  });

  it("draws what the kernel has not shown yet over what it has", async () => {
    const at = await painter();
    stroke(at, "baseline", [0.1, 0.1]);
    await settle();
    at.kernel.silent = true;
    lines.length = 0;
    stroke(at, "baseline", [0.75, 0.5]);
    expect(lines.at(-1)).toEqual(["to", 0.75 * WIDTH, 0.5 * HEIGHT]);
    expect(lines).not.toContainEqual(["to", 0.1 * WIDTH, 0.1 * HEIGHT]);
  });
});

describe("side by side", () => {
  const compare = (more: Params = {}, options: FakeOptions & { broken?: string[] } = {}) =>
    stage(options, { tab: "compare", ...more });
  const values = (index: number) => mapOf(index).map((value) => Math.round(value * 1000) / 1000);

  it("paints every map on one scale, which is the largest of their own", async () => {
    const at = await compare({ clip: 100 });
    const most = Math.max(...[0, 1, 2].flatMap((i) => values(i).map(Math.abs)));
    expect(Number(one(at, ".xw-bl-scale-line .xw-scale").dataset.limit)).toBeCloseTo(most, 6);
    for (let i = 0; i < 3; i++)
      for (let p = 0; p < SIZE; p++)
        expect(colour(pixels(at, "map", i), p)).toEqual(paint(values(i)[p]!, most));
  });

  it("or each on its own, and shows what each means", async () => {
    const at = await compare({ clip: 100, scale: "own" });
    for (let i = 0; i < 3; i++) {
      const own = Math.max(...values(i).map(Math.abs));
      const pane = all(at, ".xw-bl-compare .xw-pane-map")[i]!;
      expect(limitOf(pane)).toBeCloseTo(own, 6);
      expect(pane.parentElement!.querySelector<HTMLElement>(".xw-scale")!.hidden).toBe(false);
      for (let p = 0; p < SIZE; p++)
        expect(colour(pixels(at, "map", i), p)).toEqual(paint(values(i)[p]!, own));
    }
    expect(one(at, ".xw-bl-scale-line .xw-scale").hasAttribute("data-empty")).toBe(true);
  });

  it("says of each what it is, how far to trust it and where it is blind", async () => {
    const at = await compare();
    expect(all(at, ".xw-bl-compare .xw-bl-label").map(({ textContent }) => textContent)).toEqual([
      "Black",
      "White",
      "Blur (sigma 10 px)",
    ]);
    expect(all(at, ".xw-bl-cell-facts > .xw-verdict").map(({ dataset }) => dataset.verdict)).toEqual([
      "holds",
      "doubtful",
      "holds",
    ]);
    expect(all(at, ".xw-bl-compare .xw-bl-fact").map(({ textContent }) => textContent)).toContain(
      "10.0 % blind",
    );
    expect(at.root.dataset.evidence).toBe("3 of 3 maps are final · mean rank correlation 0.30");
    expect(all(at, ".xw-check-row")).toHaveLength(3);
    const label = one(at, ".xw-bl-compare .xw-pane-map canvas").getAttribute("aria-label");
    expect(label).toMatch(/^Black: strongest at x \d, y \d with [+−]/);
  });

  it("holds their order of pixels against each other, in figures", async () => {
    const at = await compare();
    const rows = all(at, ".xw-matrix tr").map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows[0]).toEqual(["", "1", "2", "3"]);
    expect(rows[1]).toEqual(["1 Black", "", ".25", ".00"]);
    expect(rows[3]).toEqual(["3 Blur (sigma 10 px)", ".00", ".25", ""]);
    expect(one(at, ".xw-bl-aside .xw-bl-note").textContent).toContain("On average 0.30");
  });

  it("chooses the baseline by a click on a map, and by keys", async () => {
    const at = await compare();
    const names = all<HTMLButtonElement>(at, ".xw-bl-grid [role=radio]");
    expect(names.map((name) => name.getAttribute("aria-checked"))).toEqual(["true", "false", "false"]);
    all<HTMLCanvasElement>(at, ".xw-bl-compare .xw-pane-map canvas")[2]!.click();
    await settle();
    expect(at.client.values.baseline).toEqual({ name: "blur", sigma: 10 });
    expect(names.map((name) => name.tabIndex)).toEqual([-1, -1, 0]);
    names[2]!.focus();
    press(names[2]!, "ArrowRight");
    expect(at.client.values.baseline).toEqual({ name: "black" });
    press(document.activeElement!, "End");
    expect(at.client.values.baseline).toEqual({ name: "blur", sigma: 10 });
    press(at.root, "Home");
    expect(at.client.values.baseline).toEqual({ name: "black" });
    expect(asked(at, "compare")).toHaveLength(1);
  });

  it("reads one pixel in all maps at once", async () => {
    const at = await compare();
    point(all(at, ".xw-bl-compare .xw-pane-map")[1]!, "pointermove", 0.5, 0.5);
    const p = (HEIGHT >> 1) * WIDTH + (WIDTH >> 1);
    const figures = all(at, ".xw-bl-compare .xw-number").map((one) =>
      Number(one.textContent!.replace("−", "-")),
    );
    figures.forEach((figure, i) => {
      expect(figure).toBeCloseTo(values(i)[p]!, 2);
    });
    const crosses = all(at, ".xw-bl-compare .xw-pane-map .xw-cross, .xw-pane-spread .xw-cross");
    expect(crosses.length).toBe(8);
    expect(crosses.every((cross) => !cross.hidden)).toBe(true);
  });

  it("enlarges a map over the others, and Escape leaves it", async () => {
    const at = await compare();
    all<HTMLButtonElement>(at, ".xw-bl-enlarge")[1]!.click();
    expect(at.model.get("selected")).toBe(1);
    expect(one(at, ".xw-bl-large").hidden).toBe(false);
    expect(one(at, ".xw-bl-large-head").textContent).toContain("White");
    press(at.root, "Escape");
    expect(one(at, ".xw-bl-large").hidden).toBe(true);
    expect(at.model.get("selected")).toBe(-1);
    const name = one<HTMLButtonElement>(at, ".xw-bl-grid [tabindex='0']");
    press(name, "Enter");
    expect(at.model.get("selected")).toBe(0);
  });

  it("takes baselines away and adds others, up to eight and down to one", async () => {
    const at = await compare();
    const chips = () => all(at, ".xw-bl-compare .xw-chip");
    expect(chips().map((chip) => chip.hasAttribute("data-marked"))).toEqual([true, false, false]);
    chips()[0]!.querySelector("button")!.click();
    await settle();
    expect(at.model.get("baselines")).toEqual([{ name: "white" }, { name: "blur", sigma: 10 }]);
    expect(asked(at, "compare").at(-1).baselines).toHaveLength(2);
    const add = one<HTMLSelectElement>(at, ".xw-bl-compare .xw-chip-add");
    const offers = [...add.options].map(({ text }) => text);
    expect(offers[1]).toBe("The chosen one: Black");
    expect(offers).not.toContain("White");
    expect(offers).not.toContain("Distribution");
    add.value = add.options[1]!.value;
    add.dispatchEvent(new Event("change"));
    await settle();
    expect(at.model.get("baselines").at(-1)).toEqual({ name: "black" });
    at.model.set("baselines", [{ name: "white" }]);
    await settle();
    expect(chips()[0]!.querySelector("button")!.disabled).toBe(true);
    at.model.set(
      "baselines",
      Array.from({ length: 8 }, (_, i) => ({ name: "blur", sigma: 2 + i })),
    );
    await settle();
    expect(add.disabled).toBe(true);
    expect(add.options[0]!.text).toBe("8 at most");
  });

  it("says of a baseline that fails why, in its place, as text", async () => {
    const at = await compare({}, { broken: ["white"] });
    const errors = all(at, ".xw-bl-error").filter(({ hidden }) => !hidden);
    expect(errors.map(({ textContent }) => textContent)).toEqual(["No <b>luck</b>. Take another."]);
    expect(painted.has(all<HTMLCanvasElement>(at, ".xw-bl-compare .xw-pane-map canvas")[1]!)).toBe(false);
    expect(one(at, ".xw-evidence .xw-verdict").dataset.verdict).toBe("fails");
  });
});

describe("references", () => {
  const references = (more: Params = {}) => stage({}, { tab: "references", count: 6, ...more });

  it("join one by one, and the map is the mean over those that did", async () => {
    const at = await references();
    const shown = () => one(at, ".xw-bl-references").dataset.count;
    const joined = () => all(at, ".xw-bl-thumb[data-joined]").length;
    expect([shown(), joined()]).toEqual(["6", 6]);
    const slider = one<HTMLInputElement>(at, ".xw-bl-references > .xw-bl-alpha .xw-range");
    type(slider, "2");
    expect([shown(), joined(), at.model.get("shown_count")]).toEqual(["2", 2, 2]);
    const limit = limitOf(one(at, ".xw-pane-mean"));
    mapOf(0).forEach((value, p) => {
      const wanted = paint(Math.round((value / 2) * 1000) / 1000, limit);
      expect(colour(pixels(at, "mean"), p)).toEqual(wanted);
    });
    expect(one(at, ".xw-bl-references .xw-bl-note").textContent).toMatch(/completeness gap 10 %/);
    press(slider, "Home");
    expect(shown()).toBe("1");
    press(at.root, "End");
    expect([shown(), at.model.get("shown_count")]).toEqual(["6", 0]);
    expect(asked(at, "references")).toHaveLength(1);
  });

  it("all are shown while more join", async () => {
    const at = await stage({ latency: { references: 900 } }, { tab: "references", count: 6 });
    await settle(900);
    expect([one(at, ".xw-bl-references").dataset.count, at.root.dataset.phase]).toEqual(["2", "refining"]);
    await settle(900);
    expect([one(at, ".xw-bl-references").dataset.count, at.root.dataset.phase]).toEqual(["6", "done"]);
  });

  it("come from another source, and as many as wished", async () => {
    const at = await references({ shown_count: 2 });
    one<HTMLInputElement>(at, ".xw-bl-references input[value=uniform_noise]").click();
    await settle();
    expect(asked(at, "references").at(-1)).toMatchObject({ source: "uniform_noise", count: 6 });
    expect(at.model.get("shown_count")).toBe(0);
    type(field(at, "At most").querySelector<HTMLInputElement>(".xw-number-box")!, "3");
    await settle();
    expect(asked(at, "references").at(-1)).toMatchObject({ count: 3 });
  });

  it("draw how the error falls, and a click there goes to that number", async () => {
    const at = await references();
    const points = one(at, ".xw-bl-plot polyline")
      .getAttribute("points")!
      .split(" ")
      .map((pair) => pair.split(",").map(Number));
    expect(points.map(([x]) => x)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    const heights = points.map(([, y]) => 1 - y!);
    // The error falls as 1 / n², the mean size of the map as 1 / n.
    heights.forEach((height, i) => {
      expect(height).toBeCloseTo(1 / (i + 1), 1);
    });
    point(one(at, ".xw-bl-plot"), "pointerdown", 0.41, 0);
    expect(at.model.get("shown_count")).toBe(3);
    expect(one(at, ".xw-bl-plot").getAttribute("aria-label")).toMatch(/at 3 of 6$/);
  });
});

describe("ablation", () => {
  it("fills the strongest pixels of each map, and no others", async () => {
    const at = await stage({}, { tab: "ablation", share: 0.25 });
    for (let i = 0; i < 3; i++) {
      const rounded = mapOf(i).map((value) => Math.round(value * 1000));
      const order = [...rounded.keys()].sort((a, b) => rounded[b]! - rounded[a]! || a - b);
      const gone = new Set(order.slice(0, SIZE / 4));
      for (let p = 0; p < SIZE; p++) {
        const wanted = gone.has(p) ? [7, 7, 7] : [...photograph(0).subarray(3 * p, 3 * p + 3)];
        expect(colour(pixels(at, "ablated", i), p)).toEqual(wanted);
      }
    }
    const random = pixels(at, "ablated", 3);
    const filled = [...Array(SIZE).keys()].filter((p) => colour(random, p).every((value) => value === 7));
    expect(filled.length).toBe(SIZE / 4);
  });

  it("tells the areas beside the random order's, and what the output falls to", async () => {
    const at = await stage({}, { tab: "ablation", share: 0.5 });
    expect(all(at, ".xw-bl-ablation .xw-number").map(({ textContent }) => textContent)).toEqual([
      "area 4.75",
      "area 4.25",
      "area 3.75",
      "area 4.5",
    ]);
    expect(all(at, ".xw-bl-ablation .xw-bl-fact").map(({ textContent }) => textContent)).toEqual([
      "f 10 → 4",
      "f 10 → 3",
      "f 10 → 2",
      "f 10 → 4",
    ]);
    expect(at.root.dataset.evidence).toBe("2 of 3 lie below the random order");
    expect(one(at, ".xw-bl-ablation .xw-bl-note").textContent).toContain("lowest for Blur");
  });

  it("asks for another fill, but not for another share", async () => {
    const at = await stage({}, { tab: "ablation" });
    const before = at.kernel.requests.length;
    press(range(at, "Taken away"), "PageUp");
    expect(at.model.get("share")).toBe(0.2);
    press(at.root, "Home");
    expect(at.model.get("share")).toBe(0);
    expect(at.kernel.requests.length).toBe(before);
    one<HTMLInputElement>(at, ".xw-bl-ablation input[value=noise]").click();
    await settle();
    expect(asked(at, "ablation").at(-1).fill).toBe("noise");
  });

  it("never lays a map on an image that it does not explain", async () => {
    const at = await stage({}, { tab: "ablation", share: 1 });
    at.kernel.latency = { ablation: 5000, compare: 5000 };
    at.client.select({ image: 1 });
    await settle();
    expect(painted.has(all<HTMLCanvasElement>(at, ".xw-pane-ablated canvas")[0]!)).toBe(false);
    expect(at.root.hasAttribute("data-outdated")).toBe(true);
  });
});

describe("states", () => {
  const places = (at: Stage) =>
    all(
      at,
      ".xw-head, .xw-bl-side, .xw-main, .xw-stage, .xw-bl-row, .xw-bl-alpha, .xw-foot, .xw-status, .xw-evidence",
    );

  it("go from waiting over refining to done, each in the same places", async () => {
    const at = await stage({ latency: { path: 900 } });
    expect(at.root.dataset.phase).toBe("waiting");
    const before = places(at);
    expect(one(at, ".xw-status-text").textContent).toBe("First picture …");
    await settle(900);
    expect(at.root.dataset.phase).toBe("refining");
    await settle(900);
    expect(at.root.dataset.phase).toBe("done");
    expect(one(at, ".xw-status-text").textContent).toMatch(/^Done · ±3\.0 % · /);
    expect(places(at)).toEqual(before);
    expect(before.some(({ hidden }) => hidden)).toBe(false);
    expect(one(at, ".xw-title-rest").textContent).toMatch(/^for tabby cat \d+\.\d %$/);
  });

  it("stop on Escape and by the button, and go on with the next wish", async () => {
    const at = await stage({ latency: { path: 900 } });
    press(at.root, "Escape");
    expect(at.root.dataset.phase).toBe("cancelled");
    at.client.select({ baseline: { name: "white" } });
    await settle();
    expect(at.root.dataset.phase).toBe("waiting");
    one<HTMLButtonElement>(at, ".xw-foot .xw-stop").click();
    expect(at.root.dataset.phase).toBe("cancelled");
  });

  it("dim what belongs to an older wish, and never the baseline itself", async () => {
    const at = await stage();
    at.kernel.latency = { path: 5000 };
    await choose(at, "Baseline", "white");
    expect(at.root.hasAttribute("data-outdated")).toBe(true);
    expect(colour(pixels(at, "reference"), 0)).toEqual([255, 255, 255]);
  });

  it("say what failed, why, and what to do, and try again", async () => {
    const at = await stage();
    at.kernel.failures.set("path", {
      type: "ParameterError",
      message: "A distribution has no <b>single</b> path.",
      hint: "Look at the References tab.",
    });
    await choose(at, "Baseline", "white");
    const notice = one(at, ".xw-notice");
    expect(at.root.dataset.phase).toBe("error");
    expect(notice.textContent).toContain("A distribution has no <b>single</b> path.");
    expect(notice.textContent).toContain("Look at the References tab.");
    await open(at, "references");
    expect(notice.hidden).toBe(true);
    at.kernel.failures.clear();
    await open(at, "path");
    expect(at.root.dataset.phase).toBe("done");
    expect(notice.hidden).toBe(true);
  });

  it("are told when the kernel is silent, with and without a picture", async () => {
    const early = await stage({ latency: { path: 1e6 } });
    await settle(6000);
    expect(early.root.dataset.phase).toBe("stale");
    expect(one(early, ".xw-notice").textContent).toContain("No answer yet");
    const late = await stage();
    late.kernel.latency = 1e6;
    late.client.select({ seed: 7 });
    await settle(6000);
    expect(late.root.dataset.phase).toBe("stale");
    expect(one(late, ".xw-notice").hidden).toBe(true);
    expect(one(late, ".xw-status-text").textContent).toContain("last result");
  });

  it("are never a blank cell: no kernel, no image", async () => {
    const kernel = new LabKernel();
    kernel.silent = true;
    const model = kernel.panel({ tab: "path", baselines: COMPARED });
    const root = document.createElement("div");
    const client = Client.connect(model);
    const view = new BaselineLab(client, model, root, { show: () => {} }, Promise.resolve(tabs));
    stages.push({ kernel, model, root, view, client, looks: [] });
    for (const see of seen) see(true);
    await settle(7000);
    expect(root.querySelector(".xw-notice")!.textContent).toContain("Run the cell again.");
    expect(root.querySelector<HTMLElement>(".xw-bl-side")!.inert).toBe(true);
    kernel.silent = false;
    kernel.welcome();
    await settle();
    expect(root.dataset.phase).toBe("done");
    expect(root.querySelector<HTMLElement>(".xw-bl-side")!.inert).toBe(false);
    const empty = await stage({ images: [] });
    expect(one(empty, ".xw-notice").textContent).toContain("No image yet");
    expect(empty.kernel.requests).toEqual([]);
  });
});

describe("the module that anywidget loads", () => {
  it("moves the charts in the page alone, says what it cannot load, and gives everything back", async () => {
    const kernel = new LabKernel({ steps: 1 });
    const model = kernel.panel({ tab: "path", alpha: 0.25, share: 0.1, baselines: COMPARED, _tabs: "" });
    const parts = new Map<string, Params>();
    const find = model.widget_manager.get_model;
    model.widget_manager.get_model = async (id: string) => {
      if (id === "channel") return find(id);
      return { set: (values: Params) => parts.set(id, { ...parts.get(id), ...values }) };
    };
    const said = vi.spyOn(console, "warn").mockImplementation(() => {});
    const widget = panel();
    const drop = widget.initialize({ model });
    const [a, b] = [document.createElement("div"), document.createElement("div")];
    const cleanups = [a, b].map((el) => widget.render({ model, el }));
    for (const see of seen) see(true);
    for (const name of ["_path_cursor", "_path_layout", "_ablation_layout"])
      model.set(name, `IPY_MODEL_${name}`);
    await settle();
    await vi.waitFor(() => expect(a.querySelector(".xw-notice")!.textContent).toContain("Half a lab"));
    expect(said).toHaveBeenCalled();
    expect([a, b].map((el) => (el.firstElementChild as HTMLElement).dataset.phase)).toEqual(["done", "done"]);
    expect(kernel.requests.filter(({ topic }) => topic === "path")).toHaveLength(1);
    expect(parts.get("_path_cursor")).toEqual({ min: -0.25, max: 0.75 });
    expect(parts.get("_path_layout")).toEqual({ height: null, visibility: null });
    expect(parts.get("_ablation_layout")).toEqual({ height: "0px", visibility: "hidden" });
    model.set("alpha", 1);
    expect(parts.get("_path_cursor")).toEqual({ min: -1, max: 0 });
    for (const el of [a, b])
      expect(painted.has(el.querySelector<HTMLCanvasElement>(".xw-pane-sum canvas")!)).toBe(true);
    for (const cleanup of cleanups) cleanup();
    expect(a.children.length + b.children.length).toBe(0);
    drop();
    for (const name of ["alpha", "tab", "_path_cursor", "baseline"])
      expect(model.count(`change:${name}`)).toBe(0);
  });
});
