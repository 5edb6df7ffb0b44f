import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, type Values } from "../../src/live/client";
import { keysOf, targetOf } from "../../src/widgets/attribution/target";
import { attributionWish } from "../../src/widgets/attribution/wish";
import panel, { AttributionView } from "../../src/widgets/attribution_view";
import { BASELINES, FakeKernel, type FakeModel, type FakeOptions, METHODS } from "../fake";

// What this test's document lacks: pixels, and being seen.
let seen: ((visible: boolean) => void)[] = [];
class Watcher {
  constructor(private readonly fn: (entries: { isIntersecting: boolean }[]) => void) {}
  observe(): void {
    seen.push((visible) => this.fn([{ isIntersecting: visible }]));
  }
  disconnect(): void {}
}
const painted = new Map<HTMLCanvasElement, ImageData>();
/** The canvases in the order in which they were painted. */
const strokes: HTMLCanvasElement[] = [];
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
  kernel: FakeKernel;
  model: FakeModel;
  root: HTMLElement;
  view: AttributionView;
  client: Client;
}

const settle = () => vi.advanceTimersByTimeAsync(150);
let stages: Stage[] = [];

async function stage(
  options: FakeOptions = {},
  traits: Record<string, unknown> = {},
  visible = true,
): Promise<Stage> {
  const kernel = new FakeKernel({ steps: 3, ...options });
  const model = kernel.panel({ method: "", params: {}, baseline: {}, view: "side", ...traits });
  const root = document.createElement("div");
  document.body.append(root);
  const client = Client.connect(model);
  const view = new AttributionView(client, model, root);
  const made = { kernel, model, root, view, client };
  stages.push(made);
  if (visible) for (const see of seen) see(true);
  await settle();
  return made;
}

const one = <E extends Element = HTMLElement>({ root }: Stage, selector: string) =>
  root.querySelector<E>(selector)!;
const field = (at: Stage, label: string) =>
  [...at.root.querySelectorAll<HTMLElement>(".xw-field")].find(
    (found) => found.querySelector(".xw-label")?.textContent === label,
  );
const asked = (at: Stage, topic = "attribution") =>
  at.kernel.requests.filter((request) => request.topic === topic).map(({ params }) => params);
const choose = async (at: Stage, label: string, value: string) => {
  const box = field(at, label)!.querySelector("select")!;
  box.value = value;
  box.dispatchEvent(new Event("change"));
  await settle();
};
const pick = async (at: Stage, label: string, text: string) => {
  const input = field(at, label)!.querySelector("input")!;
  input.value = text;
  input.dispatchEvent(new Event("input"));
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
  await settle();
};
const press = (at: Stage, key: string, more = {}) =>
  at.root.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));

beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
  stages = [];
  painted.clear();
  vi.stubGlobal("IntersectionObserver", Watcher);
  vi.stubGlobal("ImageData", Pixels);
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    return {
      putImageData: (image: ImageData) => {
        painted.set(this, image);
        strokes.push(this);
      },
      clearRect: () => painted.delete(this),
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
  const values: Values = {
    image: 1,
    target: 5,
    layer: "layer4",
    channel: 3,
    method: "integrated_gradients",
    params: { steps: 64, intruder: true },
    baseline: { name: "blur" },
    seed: 2,
  };
  const wish = (more: Partial<Values>) =>
    attributionWish({ methods: METHODS, baselines: BASELINES as never }, { ...values, ...more });

  it("is what the method needs, completed with the defaults, and null elsewhere", () => {
    expect(wish({})).toEqual({
      image: 1,
      target: 5,
      layer: null,
      method: "integrated_gradients",
      params: { steps: 64 },
      baseline: { name: "blur", sigma: 10 },
      seed: 2,
    });
    expect(wish({ method: "grad_cam", params: {} })).toMatchObject({
      layer: "layer4",
      baseline: null,
      params: { relu: true },
    });
    expect(wish({ method: "gradient" })).toMatchObject({ layer: null, baseline: null, params: {} });
  });

  it("takes the method's own baseline where none is selected, or none is known yet", () => {
    const given = { methods: METHODS, baselines: BASELINES };
    for (const baseline of [{}, null as unknown as Record<string, unknown>]) {
      const asked = attributionWish(given, { ...values, method: "occlusion", baseline });
      expect(asked?.baseline).toEqual({ name: "color", color: "#808080" });
    }
  });

  it("takes a distribution of baselines only where the method can", () => {
    const many = {
      name: "distribution",
      label: "",
      summary: "",
      params: [{ ...METHODS[1]!.params[0]!, name: "images", kind: "images" }],
    };
    const able = METHODS.map((method) =>
      method.name === "occlusion" ? method : { ...method, needs: [...method.needs, "distribution"] },
    );
    const given = { methods: able, baselines: [...BASELINES, many] as never };
    const asked = (method: string) =>
      attributionWish(given, { ...values, method, baseline: { name: "distribution" } })!.baseline;
    expect(asked("integrated_gradients")).toEqual({ name: "distribution" });
    expect(asked("occlusion")).toEqual({ name: "color", color: "#808080" });
  });

  it("falls back on the first method for an unknown one, and on nothing where there is none", () => {
    expect(wish({ method: "gone" })!.method).toBe("gradient");
    expect(attributionWish({ methods: [], baselines: [] }, values)).toBeNull();
  });

  it("asks for the picture, the predictions and the map, and for layers only where they matter", async () => {
    const at = await stage();
    expect(asked(at, "input")).toEqual([{ image: 0 }]);
    expect(asked(at, "predictions")).toEqual([{ image: 0 }]);
    expect(asked(at, "layers")).toEqual([]);
    expect(asked(at)).toHaveLength(1);
    await choose(at, "Method", "grad_cam");
    expect(asked(at, "layers")).toEqual([{ image: 0 }]);
    expect(asked(at).at(-1)).toMatchObject({
      method: "grad_cam",
      layer: at.kernel.selection.layer,
      baseline: null,
    });
  });

  it("asks nothing while nobody sees it, and at once when somebody does", async () => {
    const at = await stage({}, {}, false);
    at.client.select({ image: 1 });
    await settle();
    expect(at.kernel.requests).toEqual([]);
    for (const see of seen) see(true);
    await settle();
    expect(asked(at)).toHaveLength(1);
    expect(asked(at)[0]).toMatchObject({ image: 1 });
  });
});

describe("targets", () => {
  it("are a class, or one class held against another", () => {
    expect(targetOf("predicted", "none", 3, null)).toBeNull();
    expect(targetOf("7", "none", 3, null)).toBe(7);
    expect(targetOf("predicted", "9", 3, null)).toEqual({ kind: "margin", index: 3, other: 9 });
    expect(targetOf("9", "9", 3, null)).toBe(9);
    expect(targetOf("predicted", "9", null, null)).toBeNull();
    const neuron = { kind: "neuron", layer: "conv1", channel: 3, position: null };
    expect(targetOf("other", "9", 3, neuron)).toBe(neuron);
  });

  it("come back as the keys of the two fields", () => {
    expect(keysOf(null)).toEqual({ main: "predicted", versus: "none" });
    expect(keysOf({ kind: "class", index: 2 })).toEqual({ main: "2", versus: "none" });
    expect(keysOf({ kind: "margin", index: 2, other: 4 })).toEqual({ main: "2", versus: "4" });
    expect(keysOf({ kind: "channel", layer: "conv1", channel: 3 }).main).toBe("other");
  });

  it("are chosen by search, and the second one makes a margin", async () => {
    const at = await stage();
    await pick(at, "Target", "lynx");
    expect(at.client.values.target).toBe(3);
    await pick(at, "Versus", "tiger cat");
    expect(at.client.values.target).toEqual({ kind: "margin", index: 3, other: 1 });
    expect(asked(at).at(-1)!.target).toEqual({ kind: "margin", index: 3, other: 1 });
  });

  it("with markup in their names stay text everywhere", async () => {
    const at = await stage({ selection: { target: 4 } });
    expect(one(at, ".xw-title").textContent).toContain("plastic bag <b>not bold</b>");
    expect(one(at, ".xw-title-line > b").querySelector("b")).toBeNull();
    expect(at.root.dataset.target).toBe("plastic bag <b>not bold</b>");
  });
});

describe("controls", () => {
  it("follow the method: its parameters, and baseline or layer only where it needs them", async () => {
    const at = await stage();
    const shown = (label: string) => {
      const found = field(at, label);
      return !!found && !found.closest("[hidden]");
    };
    expect([shown("Baseline"), shown("Layer"), shown("Steps")]).toEqual([true, false, true]);
    await choose(at, "Method", "grad_cam");
    expect([shown("Baseline"), shown("Layer"), shown("Steps"), shown("Relu")]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it("keep for each method the parameters it was left with", async () => {
    const at = await stage();
    at.client.select({ params: { steps: 512 } });
    await choose(at, "Method", "gradient");
    expect(at.client.values.params).toEqual({});
    await choose(at, "Method", "integrated_gradients");
    expect(at.client.values.params).toEqual({ steps: 512 });
  });

  it("give a baseline all its parameters", async () => {
    const at = await stage();
    await choose(at, "Baseline", "blur");
    expect(at.client.values.baseline).toEqual({ name: "blur", sigma: 10 });
    const sigma = field(at, "Sigma")!.querySelector<HTMLInputElement>(".xw-number-box")!;
    sigma.value = "20";
    sigma.dispatchEvent(new Event("input"));
    await settle();
    expect(asked(at).at(-1)!.baseline).toEqual({ name: "blur", sigma: 20 });
    expect(one(at, ".xw-title-rest").textContent).toBe("Integrated gradients · Blur baseline (sigma 20 px)");
  });

  it("say where a method does not fit this model", async () => {
    const at = await stage({ selection: { method: "occlusion" } });
    expect(one(at, ".xw-note-warning").hidden).toBe(false);
    expect(one(at, ".xw-note-warning").textContent).toContain("Not valid for this model");
  });

  it("list methods by family, and grey what does not fit, with the reason", async () => {
    const at = await stage({ selection: { method: "gradient" } });
    const select = [...at.root.querySelectorAll("select")].find((found) =>
      found.querySelector('option[value="gradient"]'),
    )!;
    const groups = [...select.querySelectorAll("optgroup")].map(({ label, children }) => [
      label,
      [...children].map((option) => (option as HTMLOptionElement).value),
    ]);
    expect(groups).toEqual([
      ["Gradients", ["gradient", "smooth_grad"]],
      ["Others", ["integrated_gradients", "grad_cam", "occlusion"]],
    ]);
    expect(select.querySelector<HTMLOptionElement>('option[value="occlusion"]')!.disabled).toBe(true);
    expect(select.querySelector<HTMLOptionElement>('option[value="grad_cam"]')!.disabled).toBe(false);
    const refused = one<HTMLDetailsElement>(at, ".xw-refused");
    expect(refused.hidden).toBe(false);
    expect(refused.querySelector("summary")!.textContent).toBe("1 method does not fit this network");
    expect(refused.querySelector("li")!.textContent).toBe(
      "Occlusion Not valid for this model: it has no space.",
    );
  });

  it("of the picture only repaint: no request, saved a moment later, once", async () => {
    const at = await stage({}, { view: "map" });
    const before = at.kernel.requests.length;
    const map = one<HTMLCanvasElement>(at, ".xw-pane-map canvas");
    const first = painted.get(map)!.data.slice();
    const range = field(at, "Clip at percentile")!.querySelector<HTMLInputElement>(".xw-range")!;
    for (const tick of ["100", "50", "0"]) {
      range.value = tick;
      range.dispatchEvent(new Event("input"));
    }
    expect(painted.get(map)!.data).not.toEqual(first);
    expect(at.model.get("clip")).toBe(50);
    await settle();
    expect(at.model.saved).toBe(1);
    expect(at.kernel.requests.length).toBe(before);
  });

  it("paint what changed, once: a map for its opacity, nothing for a layer that the method does not use", async () => {
    const at = await stage({}, { view: "overlay" });
    await choose(at, "Method", "integrated_gradients");
    const [picture, map] = [one(at, ".xw-pane-picture canvas"), one(at, ".xw-pane-map canvas")];
    strokes.length = 0;
    const opacity = field(at, "Opacity")!.querySelector<HTMLInputElement>("input[type=range]")!;
    opacity.value = "400";
    opacity.dispatchEvent(new Event("input"));
    expect(strokes.filter((canvas) => canvas === map)).toHaveLength(1);
    at.client.select({ layer: "layer3" });
    await settle();
    expect(strokes.filter((canvas) => canvas === map)).toHaveLength(1);
    expect(strokes).not.toContain(picture);
  });

  it("follow Python: a trait that changes there is painted here", async () => {
    const at = await stage();
    at.model.set("view", "blended");
    at.model.set("top", 5);
    expect(one(at, ".xw-figure-box").dataset.view).toBe("blended");
    expect(one<HTMLInputElement>(at, ".xw-head input:checked").value).toBe("blended");
    at.kernel.state({ method: "gradient" });
    await settle();
    expect(at.root.dataset.method).toBe("gradient");
  });
});

describe("what is shown", () => {
  it("is the picture and the map in their own pixels, with the scale in numbers", async () => {
    const at = await stage();
    const [picture, map] = [...at.root.querySelectorAll<HTMLCanvasElement>(".xw-pane canvas")];
    expect([picture!.width, map!.width]).toEqual([224, 224]);
    const ticks = [...at.root.querySelectorAll(".xw-ticks span")].map((tick) => tick.textContent);
    expect(ticks[1]).toBe("0");
    expect(ticks[0]!.replace("−", "+")).toBe(ticks[2]);
    expect(map!.getAttribute("role")).toBe("img");
    expect(map!.getAttribute("aria-label")).toMatch(
      /Integrated gradients for tabby cat: strongest at x \d+, y \d+/,
    );
  });

  it("says target, probability, method and baseline, and the evidence under it", async () => {
    const at = await stage();
    expect(one(at, ".xw-title-line").textContent).toMatch(/^tabby cat\d+\.\d %$/);
    expect(one(at, ".xw-title-rest").textContent).toBe("Integrated gradients · Black baseline");
    expect(one(at, ".xw-evidence .xw-verdict").textContent).toBe("Holds");
    expect({ ...at.root.dataset }).toMatchObject({
      phase: "done",
      method: "integrated_gradients",
      target: "tabby cat",
      baseline: "black",
      index: "2",
      evidence: "completeness gap 0.4 % · estimated error 3 % · seed 0",
    });
    expect(Number(at.root.dataset.ms)).toBeGreaterThan(0);
  });

  it("reads values under the crosshair of both pictures, by pointer and by keys", async () => {
    const at = await stage();
    press(at, "ArrowRight");
    press(at, "ArrowRight");
    press(at, "ArrowDown", { shiftKey: true });
    const reading = one(at, ".xw-reading");
    expect(reading.textContent).toMatch(/^x 113 {2}y 122 .*top \d.*rgb \d+ \d+ \d+$/);
    const crosses = [...at.root.querySelectorAll<HTMLElement>(".xw-cross")];
    expect(crosses.map((cross) => cross.hidden)).toEqual([false, false, false, false]);
    expect(crosses[1]!.style.left).toBe(crosses[3]!.style.left);
    press(at, "Home");
    expect(reading.textContent).toMatch(/^x 0 /);
    expect(reading.getAttribute("aria-live")).toBe("polite");
    press(at, "Escape");
    expect(reading.hasAttribute("data-hint")).toBe(true);
    const pictures = one(at, ".xw-panes");
    expect(pictures.tabIndex).toBe(0);
    one(at, ".xw-pane-map canvas").dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
    expect(document.activeElement).toBe(pictures);
    expect(reading.getAttribute("aria-live"), "a pointer is not read aloud").toBe("off");
  });

  it("shows one view's choice in every view of the model", async () => {
    const at = await stage();
    const root = document.createElement("div");
    document.body.append(root);
    const second = new AttributionView(at.client, at.model, root);
    stages.push({ ...at, view: second, root });
    for (const see of seen) see(true);
    await settle();
    one<HTMLInputElement>(at, ".xw-head input[value=map]").click();
    expect(root.querySelector<HTMLElement>(".xw-figure-box")!.dataset.view).toBe("map");
    expect(root.dataset.phase).toBe("done");
  });

  it("never shows a map on a picture that it does not explain", async () => {
    const at = await stage({ latency: { attribution: 1000 } }, { view: "blended" });
    await vi.advanceTimersByTimeAsync(5000);
    expect(at.root.dataset.phase).toBe("done");
    at.client.select({ image: 1 });
    await settle();
    const map = one<HTMLCanvasElement>(at, ".xw-pane-map canvas");
    const { answer } = at.kernel;
    const plain = answer.call(at.kernel, "input", { image: 1 }).arrays.picture!.data;
    const data = painted.get(map)!.data;
    expect([...data.slice(0, 3)]).toEqual([...plain.slice(0, 3)]);
    const middle = 4 * (94 * 224 + 103);
    expect([...data.slice(middle, middle + 3)]).toEqual([
      ...plain.slice((middle / 4) * 3, (middle / 4) * 3 + 3),
    ]);
    expect(at.root.hasAttribute("data-outdated")).toBe(true);
  });
});

describe("states", () => {
  const places = (at: Stage) => [
    ...at.root.querySelectorAll(
      ".xw-frame, .xw-head, .xw-main, .xw-stage, .xw-figure-box, .xw-scale, .xw-reading, .xw-foot, .xw-status, .xw-evidence, .xw-progress",
    ),
  ];

  it("go from waiting over refining to done, each in the same places", async () => {
    const at = await stage({ latency: { attribution: 900 } });
    expect(at.root.dataset.phase).toBe("waiting");
    const before = places(at);
    expect(one(at, ".xw-status-text").textContent).toBe("First picture …");
    expect(one(at, ".xw-evidence").hasAttribute("data-empty")).toBe(true);
    await vi.advanceTimersByTimeAsync(900);
    expect(at.root.dataset.phase).toBe("refining");
    expect(one(at, ".xw-status-text").textContent).toMatch(/^Refining · 33 % · ±/);
    await vi.advanceTimersByTimeAsync(900);
    expect(at.root.dataset.phase).toBe("done");
    expect(places(at)).toEqual(before);
    expect(before.some((place) => (place as HTMLElement).hidden)).toBe(false);
  });

  it("tells the same error as the evidence does, and none where there is nothing left", async () => {
    const at = await stage();
    expect(one(at, ".xw-status-text").textContent).toMatch(/^Done · ±3\.0 % · /);
    const { answer } = at.kernel;
    at.kernel.answer = (...given) => {
      const changed = answer.apply(at.kernel, given);
      if (given[0] === "attribution") changed.meta.evidence.checks[1].figure = 0;
      return changed;
    };
    at.client.select({ target: 2 });
    await settle();
    expect(one(at, ".xw-status-text").textContent).toMatch(/^Done · \d+ ms$/);
  });

  it("dims the old picture while a new one is worked out", async () => {
    const at = await stage({ latency: { attribution: 500 } });
    await vi.advanceTimersByTimeAsync(2000);
    at.client.select({ target: 3 });
    await settle();
    expect(at.root.hasAttribute("data-outdated")).toBe(true);
    expect(one(at, ".xw-title").textContent).toContain("tabby cat");
    await vi.advanceTimersByTimeAsync(2000);
    expect(at.root.hasAttribute("data-outdated")).toBe(false);
    expect(one(at, ".xw-title").textContent).toContain("lynx");
  });

  it("stops on Escape and by the button", async () => {
    const at = await stage({ latency: { attribution: 900 } });
    await vi.advanceTimersByTimeAsync(900);
    press(at, "Escape");
    expect(at.root.dataset.phase).toBe("cancelled");
    expect(one(at, ".xw-status-text").textContent).toContain("Stopped · at 33 %");
    at.client.select({ target: 2 });
    await settle();
    one<HTMLButtonElement>(at, ".xw-stop").click();
    expect(at.root.dataset.phase).toBe("cancelled");
  });

  it("says what failed, why, and what to do, keeps the last picture, and tries again", async () => {
    const at = await stage();
    at.kernel.failures.set("attribution", {
      type: "OutOfMemoryError",
      message: "One <b>picture</b> does not fit.",
      hint: "Use the CPU.",
    });
    at.client.select({ target: 2 });
    await settle();
    const notice = one(at, ".xw-notice");
    expect(notice.hidden).toBe(false);
    expect(notice.textContent).toContain("Out of memory error");
    expect(notice.textContent).toContain("One <b>picture</b> does not fit.");
    expect(notice.textContent).toContain("Use the CPU.");
    expect(at.root.dataset.phase).toBe("error");
    expect(painted.has(one<HTMLCanvasElement>(at, ".xw-pane-map canvas"))).toBe(true);
    at.kernel.failures.clear();
    notice.querySelector("button")!.click();
    await settle();
    expect(at.root.dataset.phase).toBe("done");
    expect(notice.hidden).toBe(true);
  });

  it("says when the kernel is silent, before the first picture and after it", async () => {
    const early = await stage({ latency: { attribution: 1e6 } });
    await vi.advanceTimersByTimeAsync(6000);
    expect(early.root.dataset.phase).toBe("stale");
    expect(one(early, ".xw-notice").textContent).toContain("No answer yet");
    const late = await stage();
    late.kernel.latency = 1e6;
    late.client.select({ target: 2 });
    await vi.advanceTimersByTimeAsync(6000);
    expect(late.root.dataset.phase).toBe("stale");
    expect(one(late, ".xw-notice").hidden).toBe(true);
    expect(one(late, ".xw-status-text").textContent).toContain("last result");
  });

  it("is never a blank cell: without any kernel it says so, and wakes when one answers", async () => {
    const kernel = new FakeKernel();
    kernel.silent = true;
    const model = kernel.panel();
    const root = document.createElement("div");
    const client = Client.connect(model);
    const view = new AttributionView(client, model, root);
    stages.push({ kernel, model, root, view, client });
    for (const see of seen) see(true);
    await vi.advanceTimersByTimeAsync(7000);
    expect(root.querySelector(".xw-notice")!.textContent).toContain("Run the cell again.");
    expect(root.querySelector<HTMLElement>(".xw-controls")!.inert).toBe(true);
    kernel.silent = false;
    kernel.welcome();
    await settle();
    expect(root.dataset.phase).toBe("done");
    expect(root.querySelector<HTMLElement>(".xw-controls")!.inert).toBe(false);
    expect(root.querySelector<HTMLElement>(".xw-notice")!.hidden).toBe(true);
  });
});

describe("the module that anywidget loads", () => {
  it("shares one client among its views and gives everything back", async () => {
    const kernel = new FakeKernel({ steps: 1 });
    const model = kernel.panel({ view: "side" });
    const widget = panel();
    const drop = widget.initialize({ model });
    const [a, b] = [document.createElement("div"), document.createElement("div")];
    const cleanups = [a, b].map((el) => widget.render({ model, el }));
    for (const see of seen) see(true);
    await settle();
    expect([a, b].map((el) => (el.firstElementChild as HTMLElement).dataset.phase)).toEqual(["done", "done"]);
    expect(kernel.requests.filter(({ topic }) => topic === "attribution")).toHaveLength(1);
    for (const cleanup of cleanups) cleanup();
    expect(a.children.length + b.children.length).toBe(0);
    expect(model.count("change:view")).toBe(0);
    drop();
    expect(model.count("change:method")).toBe(0);
  });
});
