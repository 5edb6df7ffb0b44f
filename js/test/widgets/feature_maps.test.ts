import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import panel from "../../src/widgets/feature_maps";
import { FakeKernel, type FakeModel, type FakeOptions, resnet18, vit } from "../fake";
import { drawn, pointer, press, room, setStage, settle } from "./stage";

let kernel: FakeKernel;
let model: FakeModel;
let root: HTMLElement;
let second: HTMLElement;
let close: (() => void)[] = [];

async function open(options: FakeOptions = {}, traits = {}): Promise<void> {
  kernel = new FakeKernel(options);
  model = kernel.panel({
    layer: null,
    channel: null,
    sort: "index",
    scale: "map",
    colormap: "auto",
    tile: 72,
    ...traits,
  });
  const widget = panel();
  const end = widget.initialize({ model });
  const [el, el2] = [document.createElement("div"), document.createElement("div")];
  document.body.append(el, el2);
  const off = widget.render({ model, el });
  root = el.querySelector<HTMLElement>(".xw-feature-maps")!;
  second = el2;
  close.push(
    () => off(),
    () => end(),
    () => el.remove(),
  );
  await Promise.resolve();
  kernel.welcome();
  await settle();
  second.dataset.ready = "true";
  Object.assign(second, { add: () => widget.render({ model, el: second }) });
}

const list = () => root.querySelector<HTMLElement>("[role=listbox]")!;
const sizer = () => root.querySelector<HTMLElement>(".xw-fm-sizer")!;
const note = () => root.querySelector<HTMLElement>(".xw-fm-note")!;
const asked = (topic: string) => kernel.requests.filter((request) => request.topic === topic);
const first = () => Number(root.dataset.first);
const select = (name: string) => root.querySelector<HTMLSelectElement>(`select[aria-label="${name}"]`)!;
const choose = (name: string, value: string) => {
  select(name).value = value;
  select(name).dispatchEvent(new Event("change", { bubbles: true }));
};

beforeEach(setStage);
afterEach(() => {
  for (const fn of close) fn();
  close = [];
  vi.useRealTimers();
});

describe("the maps", () => {
  it("paint all that is in the window and nothing else", async () => {
    await open({ selection: { layer: "layer4.0.conv1" } });
    expect(root.dataset).toMatchObject({
      phase: "done",
      layer: "layer4.0.conv1",
      channels: "512",
      layers: "57",
    });
    const [from, to] = root.dataset.window!.split("-").map(Number) as [number, number];
    expect(from).toBe(0);
    expect(to).toBeGreaterThan(20);
    expect(to).toBeLessThan(80);
    expect(drawn.filter(({ name }) => name === "drawImage").length).toBeLessThan(to + 6);
    const canvas = root.querySelector(".xw-fm-sizer canvas")!;
    expect(canvas.getAttribute("role")).toBe("img");
    expect(canvas.getAttribute("aria-label")).toBe("512 maps of layer4.0.conv1, sorted by index");
    expect(list().querySelectorAll("[role=option]").length).toBeLessThan(20);
    expect(list().querySelector("[role=option]")!.getAttribute("aria-setsize")).toBe("512");
  });

  it("scroll to others without asking", async () => {
    await open({ selection: { layer: "layer4.0.conv1" } });
    const before = kernel.requests.length;
    const scroll = root.querySelector<HTMLElement>(".xw-fm-scroll")!;
    scroll.scrollTop = 2000;
    scroll.dispatchEvent(new Event("scroll"));
    await settle();
    expect(Number(root.dataset.window!.split("-")[0])).toBeGreaterThan(100);
    expect(kernel.requests.length).toBe(before);
  });

  it("sort by what came with them, falling", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    const { arrays } = kernel.answer("maps", { image: 0, layer: "layer1.0.relu" });
    for (const name of ["mean", "max", "variance"] as const) {
      choose("Order of the maps", name);
      const values = [...(arrays[name]!.data as Float32Array)];
      expect(first()).toBe(values.indexOf(Math.max(...values)));
      expect(model.get("sort")).toBe(name);
    }
    model.set("sort", "index");
    expect(first()).toBe(0);
    expect(asked("scores")).toHaveLength(0);
  });

  it("ask for scores only when sorted by them, and again when the target changes", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    model.set("sort", "score");
    await settle();
    expect(asked("scores")).toEqual([
      { topic: "scores", params: { image: 0, layer: "layer1.0.relu", target: null } },
    ]);
    const scores = [
      ...(kernel.answer("scores", { image: 0, layer: "layer1.0.relu" }).arrays.scores!.data as Float32Array),
    ];
    expect(first()).toBe(scores.indexOf(Math.max(...scores)));
    kernel.state({ target: 3 });
    await settle();
    expect(asked("scores")).toHaveLength(2);
  });

  it("scores that come before their maps are kept, and those of another image never used", async () => {
    await open({ selection: { layer: "layer1.0.relu" }, latency: { maps: 50 } }, { sort: "score" });
    await settle(200);
    const best = (image: number) => {
      const data = kernel.answer("scores", { image, layer: "layer1.0.relu" }).arrays.scores!
        .data as Float32Array;
      return data.indexOf(Math.max(...data));
    };
    expect(best(0)).not.toBe(best(1));
    expect(first()).toBe(best(0));
    kernel.state({ image: 1 });
    await settle(200);
    expect(first()).toBe(best(1));
    kernel.latency = { scores: 60_000 };
    kernel.state({ image: 2 });
    await settle(200);
    expect(first()).toBe(0);
  });

  it("a layer seen before is there within the frame, without the kernel", async () => {
    await open({ selection: { layer: "conv1" } });
    kernel.state({ layer: "bn1" });
    await settle();
    expect(root.dataset.layer).toBe("bn1");
    const before = kernel.requests.length;
    kernel.silent = true;
    kernel.state({ layer: "conv1" });
    expect(root.dataset.phase).toBe("done");
    await settle(20);
    expect(root.dataset.layer).toBe("conv1");
    expect(kernel.requests.length).toBe(before);
  });

  it("keep the old picture while they wait, never show what is not wished any more", async () => {
    await open({ selection: { layer: "conv1" } });
    kernel.latency = 250;
    kernel.state({ layer: "bn1" });
    await settle();
    expect(root.dataset).toMatchObject({ phase: "waiting", layer: "conv1", wanted: "bn1" });
    expect(note().hidden).toBe(true);
    kernel.state({ layer: "relu" });
    await settle(400);
    expect(root.dataset).toMatchObject({ phase: "done", layer: "relu" });
  });
});

describe("looking closer", () => {
  it("a pointer on a tile shows the channel, the value and the spot on the image", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    pointer(sizer(), "pointermove", 4 + 20, 4 + 30);
    const [channel, y, x] = root.dataset.hover!.split(",").map(Number) as [number, number, number];
    expect(channel).toBe(0);
    const { maps } = kernel.answer("maps", { image: 0, layer: "layer1.0.relu" }).arrays;
    const value = (maps!.scale as number[])[0]! * (maps!.data[y * 56 + x]! - (maps!.zero as number[])[0]!);
    expect(Number(root.querySelector<HTMLElement>(".xw-fm-spot")!.dataset.value)).toBeCloseTo(value, 6);
    expect(root.querySelector(".xw-fm-spot")!.textContent).toContain(`row ${y}, column ${x}`);
    expect(root.querySelector(".xw-fm-where")!.textContent).toMatch(
      new RegExp(`^x ${x * 4}–${x * 4 + 4}, y ${y * 4}–${y * 4 + 4} px · sees \\d+ px$`),
    );
    pointer(sizer(), "pointerleave", 0);
    expect(root.dataset.hover).toBe("0");
  });

  it("the large map answers to the pointer too", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    pointer(root.querySelector(".xw-fm-large")!, "pointermove", 350, 350);
    expect(root.dataset.hover).toBe("0,28,28");
    pointer(root.querySelector(".xw-fm-large")!, "pointerleave", 0);
    expect(root.dataset.hover).toBe("0");
  });

  it("a click selects the channel for everyone", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    sizer().dispatchEvent(new MouseEvent("click", { clientX: 4 + 100, clientY: 20, bubbles: true }));
    await settle();
    expect(kernel.selection.channel).toBe(1);
    expect(model.get("channel")).toBe(1);
    expect(root.querySelector<HTMLElement>(".xw-fm-selected")!.hidden).toBe(false);
    kernel.state({ channel: 9 });
    expect(root.querySelector(".xw-fm-title")!.textContent).toBe("channel 9");
  });

  it("keys rove over the tiles, Enter selects, Escape lets go, plus and minus size", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    const ring = root.querySelector<HTMLElement>(".xw-fm-active")!;
    expect(ring.hidden).toBe(true);
    root.focus();
    expect(ring.hidden).toBe(false);
    press(root, "ArrowRight");
    list().focus();
    press(list(), "ArrowRight");
    const id = list().getAttribute("aria-activedescendant")!;
    expect(document.getElementById(id)!.textContent).toBe("channel 2");
    const event = press(list(), "Enter");
    expect(event.defaultPrevented).toBe(true);
    expect(model.get("channel")).toBe(2);
    press(list(), "Escape");
    expect(model.get("channel")).toBeNull();
    press(list(), "+");
    expect(model.get("tile")).toBe(80);
    press(list(), "-");
    press(list(), "-");
    expect(model.get("tile")).toBe(64);
    expect(press(list(), "q").defaultPrevented).toBe(false);
    expect(press(list(), "ArrowRight", { ctrlKey: true }).defaultPrevented).toBe(false);
  });

  it("keys read the values of the large map, Escape takes the spot away, and only then the channel", async () => {
    await open({ selection: { layer: "layer1.0.relu", channel: 2 } });
    const probe = root.querySelector<HTMLElement>(".xw-fm-probe")!;
    const spot = () => root.querySelector(".xw-fm-spot")!;
    const side = Number(probe.querySelector("canvas")!.getAttribute("aria-label")!.split(" ").at(-1));
    const middle = Math.floor(side / 2);
    expect(probe.tabIndex).toBe(0);
    press(probe, "ArrowRight");
    expect(root.dataset.hover).toBe(`2,${middle},${middle}`);
    for (const key of ["ArrowRight", "ArrowDown", "ArrowDown"]) press(probe, key);
    expect(root.dataset.hover).toBe(`2,${middle + 2},${middle + 1}`);
    expect(spot().textContent).toMatch(new RegExp(`^row ${middle + 2}, column ${middle + 1}[+−\\d]`));
    expect(spot().getAttribute("aria-live")).toBe("polite");
    press(probe, "End");
    press(probe, "ArrowRight");
    expect(root.dataset.hover).toBe(`2,${middle + 2},${side - 1}`);
    pointer(probe.querySelector("canvas")!, "pointermove", 1);
    expect(spot().getAttribute("aria-live"), "a pointer is not read aloud").toBe("off");
    press(probe, "ArrowLeft");
    press(probe, "Escape");
    expect(root.dataset.hover).toBe("2");
    press(probe, "Escape");
    expect(model.get("channel")).toBeNull();
    expect(press(probe, "Escape").defaultPrevented, "nothing is left to let go").toBe(false);
    kernel.state({ layer: "fc" });
    await settle();
    expect(probe.hasAttribute("tabindex"), "a vector has no spots").toBe(false);
  });

  it("one scale for the layer is shown as such", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    const ends = () => root.querySelector(".xw-fm-ends")!.textContent;
    const own = ends();
    root.querySelector<HTMLInputElement>("input[value=layer]")!.click();
    await settle();
    expect(model.get("scale")).toBe("layer");
    expect(ends()).not.toBe(own);
    choose("Colour map", "blue-red");
    await settle();
    expect(ends()).toMatch(/^−/);
    expect(model.saved).toBeGreaterThan(0);
  });
});

describe("other layers", () => {
  it("tokens are maps", async () => {
    await open({ network: vit(), selection: { layer: "encoder.layers.encoder_layer_2.ln_1" } });
    expect(root.dataset).toMatchObject({ channels: "768", view: "maps" });
    expect(root.querySelector(".xw-fm-about")!.textContent).toBe("LayerNorm · 197 × 768 · tokens as maps");
  });

  it("a vector is bars, falling, with the names of classes as text", async () => {
    await open({ selection: { layer: "fc" } });
    expect(root.dataset).toMatchObject({ channels: "1000", view: "vector", sort: "value" });
    const values = [
      ...(kernel.answer("maps", { image: 0, layer: "fc" }).arrays.values!.data as Float32Array),
    ];
    expect(first()).toBe(values.indexOf(Math.max(...values)));
    expect(root.querySelector(".xw-fm-title")!.textContent).toBe(kernel.classes![first()]);
    expect(drawn.some(({ name, args }) => name === "fillText" && args[0] === kernel.classes![first()])).toBe(
      true,
    );
    kernel.state({ channel: 4 });
    await settle();
    expect(root.querySelector(".xw-fm-title")!.textContent).toBe("plastic bag <b>not bold</b>");
    expect(root.querySelector("b")).toBeNull();
    expect(root.querySelector(".xw-fm-figures")!.textContent).toMatch(/rank\d+ of 1000/);
    choose("Order of the maps", "index");
    expect(first()).toBe(0);
    choose("Order of the maps", "score");
    await settle();
    expect(asked("scores")).toHaveLength(1);
    choose("Order of the maps", "value");
    expect(model.get("sort")).toBe("index");
    expect(root.dataset.sort).toBe("value");
  });
});

describe("states", () => {
  it("say what is wrong as text", async () => {
    await open();
    kernel.failures.set("maps", { type: "ModelError", message: "It <b>raised</b>.", hint: "Mend it." });
    kernel.state({ layer: "bn1" });
    await settle();
    expect(root.dataset.phase).toBe("error");
    expect(note().textContent).toBe("It <b>raised</b>.Mend it.Try again");
    expect(note().querySelector("b")).toBeNull();
    kernel.failures.clear();
    const again = note().querySelector("button")!;
    again.focus();
    again.click();
    expect(document.activeElement, "the button is gone, the place is not").toBe(root);
    await settle();
    expect(note().hidden).toBe(true);
    expect(root.dataset).toMatchObject({ phase: "done", layer: "bn1" });
  });

  it("no image, no layer, no answer", async () => {
    await open({ images: [] });
    expect(note().textContent).toContain("No image");
    await open({ selection: { layer: null } });
    expect(note().textContent).toContain("No layer");
    expect(asked("maps")).toHaveLength(0);
    await open({ latency: 60_000 });
    expect(note().textContent).toBe("First maps …");
    press(list(), "Escape");
    expect(root.dataset.phase).toBe("cancelled");
    expect(note().textContent).toBe("Stopped.");
  });

  it("an error of the scores leaves the maps", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    kernel.failures.set("scores", { type: "NotValidError", message: "No gradient.", hint: "" });
    model.set("sort", "score");
    await settle();
    expect(root.dataset).toMatchObject({ phase: "done", scores: "error", layer: "layer1.0.relu" });
    expect(note().textContent).toBe("No gradient.Try again");
  });

  it("a view that comes later shows at once what the first one has", async () => {
    await open({ selection: { layer: "layer1.0.relu" } });
    const before = kernel.requests.length;
    const off = (second as unknown as { add(): () => void }).add();
    await settle(20);
    const view = second.querySelector<HTMLElement>(".xw-feature-maps")!;
    expect(view.dataset).toMatchObject({ phase: "done", layer: "layer1.0.relu", channels: "64" });
    expect(kernel.requests.length).toBe(before);
    off();
    expect(second.children).toHaveLength(0);
  });

  it("nothing is painted without room, and everything once there is some", async () => {
    room.width = 0;
    await open({ selection: { layer: "conv1" } });
    expect(root.dataset.layer).toBe("");
    expect(root.dataset.phase).toBe("done");
    room.width = 700;
    model.set("tile", 64);
    await settle();
    expect(root.dataset.layer).toBe("conv1");
  });

  it("leaves nothing behind", async () => {
    await open({ network: resnet18() });
    for (const fn of close) fn();
    close = [];
    for (const name of ["sort", "scale", "colormap", "tile", "layer"])
      expect(model.count(`change:${name}`), name).toBe(0);
  });
});
