import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import panel from "../../src/widgets/layer_scrubber";
import { countText, shapeText } from "../../src/widgets/scrubber/facts";
import { densenet121, FakeKernel, type FakeLayer, type FakeModel, type FakeOptions, resnet18 } from "../fake";
import { pointer, press, room, setStage, settle } from "./stage";

let kernel: FakeKernel;
let model: FakeModel;
let root: HTMLElement;
let close: (() => void)[] = [];

async function open(options: FakeOptions = {}, traits = {}, wait = true): Promise<void> {
  kernel = new FakeKernel(options);
  model = kernel.panel({ layer: null, query: "", playing: false, ...traits });
  const widget = panel();
  const end = widget.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const off = widget.render({ model, el });
  root = el.querySelector<HTMLElement>(".xw-layer-scrubber")!;
  close.push(() => {
    off();
    end();
    el.remove();
  });
  await Promise.resolve();
  kernel.welcome();
  if (wait) await settle();
}

const track = () => root.querySelector<HTMLElement>("[role=slider]")!;
const name = () => root.querySelector(".xw-ls-name")!.textContent;
const facts = () => root.querySelector(".xw-ls-facts")!.textContent;
const blocks = () => [...root.querySelectorAll<HTMLElement>(".xw-ls-block")];

beforeEach(setStage);
afterEach(() => {
  for (const fn of close) fn();
  close = [];
  vi.useRealTimers();
});

describe("the scrubber", () => {
  it("shows the selected layer's name, kind, shape and receptive field", async () => {
    await open({ selection: { layer: "layer2.0.conv1" } });
    expect(root.dataset).toMatchObject({
      phase: "done",
      layer: "layer2.0.conv1",
      layers: String(resnet18().length),
    });
    expect(name()).toBe("layer2.0.conv1");
    expect(facts()).toContain("Conv2d");
    expect(facts()).toContain("128 × 28 × 28");
    expect(facts()).toMatch(/73\.7 k parameters.*3 deep.*\d+ px seen/);
    expect(track().getAttribute("aria-valuetext")).toMatch(
      /^layer2\.0\.conv1, Conv2d, 128 × 28 × 28, \d+ of 57$/,
    );
    expect(Number(root.dataset.ms)).toBeGreaterThanOrEqual(0);
  });

  it("scrubs by keys, at once, and tells the kernel", async () => {
    await open({ selection: { layer: "conv1" } });
    const event = press(track(), "ArrowRight");
    expect(event.defaultPrevented).toBe(true);
    expect(name()).toBe("bn1");
    press(track(), "End");
    expect(name()).toBe("fc");
    press(track(), "ArrowRight");
    expect(name()).toBe("fc");
    press(track(), "Home");
    press(track(), "PageUp");
    press(track(), "PageUp");
    press(track(), "PageUp");
    press(track(), "PageUp");
    expect(name()).toBe("layer1.0.conv1");
    press(track(), "PageDown");
    expect(name()).toBe("maxpool");
    await settle();
    expect(kernel.selection.layer).toBe("maxpool");
    expect(model.get("layer")).toBe("maxpool");
  });

  it("scrubs by dragging, and only shows the name under a pointer that is not pressed", async () => {
    await open({ selection: { layer: "conv1" } });
    pointer(track(), "pointermove", 699);
    expect(name()).toBe("conv1");
    expect(root.querySelector(".xw-ls-tip")!.textContent).toContain("fc");
    pointer(track(), "pointerdown", 699);
    expect(name()).toBe("fc");
    pointer(track(), "pointermove", 2);
    expect(name()).toBe("conv1");
    pointer(track(), "pointerup", 2);
    pointer(track(), "pointermove", 699);
    expect(name()).toBe("conv1");
  });

  it("follows the wheel only where the page would not be robbed of it", async () => {
    await open({ selection: { layer: "conv1" } });
    const wheel = (init: WheelEventInit) => {
      const event = new WheelEvent("wheel", { bubbles: true, cancelable: true, ...init });
      track().dispatchEvent(event);
      return event.defaultPrevented;
    };
    expect(wheel({ deltaY: 80 })).toBe(false);
    expect(name()).toBe("conv1");
    track().focus();
    expect(wheel({ deltaY: 80 })).toBe(true);
    expect(name()).toBe("relu");
    wheel({ deltaX: -40 });
    expect(name()).toBe("bn1");
  });

  it("follows a selection that comes from elsewhere, and a trait set in Python", async () => {
    await open();
    kernel.state({ layer: "layer3.1.bn2" });
    expect(name()).toBe("layer3.1.bn2");
    model.set("layer", "avgpool");
    expect(name()).toBe("avgpool");
    expect(kernel.selection.layer).not.toBe("conv1");
  });

  it("folds the blocks of a deep network by itself and unfolds one whose inner layer is chosen", async () => {
    await open({ network: densenet121() });
    const folded = () => blocks().filter((block) => block.getAttribute("aria-expanded") === "false").length;
    const all = folded();
    expect(all).toBe(61);
    expect(Number(track().getAttribute("aria-valuemax"))).toBeLessThan(75);
    kernel.state({ layer: "features.denseblock1.denselayer2.relu1" });
    await settle();
    expect(folded()).toBe(all - 1);
    press(track(), "-");
    await settle();
    expect(folded()).toBe(all);
    expect(name()).toBe("features.denseblock1.denselayer2.conv2");
    blocks()[0]!.click();
    await settle();
    expect(folded()).toBe(all - 1);
    root.querySelector<HTMLElement>(".xw-ls-button")!.click();
    await settle();
    expect(folded()).toBe(0);
  });

  it("opens with the block unfolded in which the selected layer lies", async () => {
    await open({ network: densenet121(), selection: { layer: "features.denseblock2.denselayer4.norm1" } });
    const unfolded = blocks().filter((block) => block.getAttribute("aria-expanded") === "true");
    expect(unfolded.map((block) => block.title)).toEqual([
      "features.denseblock2.denselayer4: 6 layers, fold",
    ]);
  });

  it("finds layers by name and kind, and goes from one to the next", async () => {
    await open({ selection: { layer: "conv1" } });
    const box = root.querySelector<HTMLInputElement>("input[type=search]")!;
    box.value = "layer2 bn";
    box.dispatchEvent(new Event("input", { bubbles: true }));
    expect(model.get("query")).toBe("layer2 bn");
    expect(root.dataset.matches).toBe("4");
    press(box, "Enter");
    expect(name()).toBe("layer2.0.bn1");
    press(box, "Enter");
    expect(name()).toBe("layer2.0.bn2");
    press(box, "Enter", { shiftKey: true });
    expect(name()).toBe("layer2.0.bn1");
    await settle();
    expect(root.querySelectorAll(".xw-ls-dim").length).toBeGreaterThan(0);
    press(box, "Escape");
    expect(model.get("query")).toBe("");
    expect(root.dataset.matches).toBe("");
    model.set("query", "pool");
    expect(box.value).toBe("pool");
  });

  it("plays to the end, one clock for all views, and stops when told", async () => {
    await open({ selection: { layer: "layer4.1.relu#2" } });
    press(track(), " ");
    expect(model.get("playing")).toBe(true);
    vi.advanceTimersByTime(330);
    expect(name()).toBe("avgpool");
    vi.advanceTimersByTime(330);
    expect(name()).toBe("fc");
    expect(model.get("playing")).toBe(false);
    root.querySelector<HTMLElement>(".xw-ls-play")!.click();
    expect(name()).toBe("conv1");
    vi.advanceTimersByTime(330);
    expect(name()).toBe("bn1");
    press(track(), "Escape");
    vi.advanceTimersByTime(2000);
    expect(name()).toBe("bn1");
  });

  it("shows names with markup in them as text", async () => {
    const network = resnet18();
    Object.assign(network[0] as FakeLayer, { name: "<img src=x>", kind: "<b>Conv</b>" });
    await open({ network, selection: { layer: "<img src=x>" } });
    pointer(track(), "pointermove", 1);
    expect(name()).toBe("<img src=x>");
    expect(root.querySelector("img, b b")).toBeNull();
    expect(facts()).toContain("<b>Conv</b>");
  });

  it("says what is wrong, with the remedy, as text", async () => {
    kernel = new FakeKernel();
    await open({}, {}, false);
    kernel.failures.set("layers", { type: "ModelError", message: "It <i>raised</i>.", hint: "Mend it." });
    kernel.state({ image: 1 });
    await settle();
    expect(root.dataset.phase).toBe("error");
    const note = root.querySelector<HTMLElement>(".xw-ls-note")!;
    expect(note.hidden).toBe(false);
    expect(note.textContent).toBe("It <i>raised</i>.Mend it.Try again");
    kernel.failures.clear();
    note.querySelector("button")!.click();
    await settle();
    expect(root.dataset.phase).toBe("done");
    expect(note.hidden).toBe(true);
  });

  it("waits, and has words for no image and no layer", async () => {
    await open({ latency: 10_000 });
    expect(root.dataset.phase).toBe("waiting");
    expect(root.querySelector(".xw-ls-note")!.textContent).toBe("Reading the network …");
    await open({ images: [] });
    expect(root.querySelector(".xw-ls-note")!.textContent).toContain("Add an image");
    await open({ network: [], selection: { layer: null } });
    expect(root.querySelector(".xw-ls-note")!.textContent).toContain("no layer");
  });

  it("paints once there is room, not before", async () => {
    room.width = 0;
    await open({ selection: { layer: "bn1" } });
    expect(root.dataset.ms).toBeUndefined();
    room.width = 640;
    kernel.state({ layer: "relu" });
    await settle();
    expect(name()).toBe("relu");
    expect(root.querySelectorAll("path").length).toBeGreaterThan(5);
  });

  it("leaves nothing behind", async () => {
    await open();
    for (const fn of close) fn();
    close = [];
    expect(model.count("change:query") + model.count("change:playing") + model.count("change:layer")).toBe(0);
    expect(document.querySelector(".xw-layer-scrubber")).toBeNull();
  });

  it("takes keys on its root, which keeps the notebook's shortcuts away, but leaves the search box its own", async () => {
    await open({ selection: { layer: "conv1" } });
    expect(root.tabIndex, "the rail is the stop of Tab").toBe(-1);
    expect(track().tabIndex).toBe(0);
    press(root, "ArrowRight");
    expect(name()).toBe("bn1");
    expect(press(root.querySelector("input")!, "ArrowRight").defaultPrevented).toBe(false);
    expect(press(root.querySelector(".xw-ls-play")!, "Enter").defaultPrevented).toBe(false);
    press(root, "/");
    expect(document.activeElement).toBe(root.querySelector("input"));
  });

  it("is left by an Escape that stops nothing", async () => {
    await open({ selection: { layer: "conv1" } });
    const cell = document.createElement("div");
    cell.tabIndex = -1;
    const el = root.parentElement!;
    el.replaceWith(cell);
    cell.append(el);
    model.set("playing", true);
    track().focus();
    press(track(), "Escape");
    expect(model.get("playing")).toBe(false);
    expect(document.activeElement).toBe(track());
    press(track(), "Escape");
    expect(document.activeElement).toBe(cell);
    el.remove();
    cell.remove();
  });
});

it("writes counts and shapes as people read them", () => {
  expect([0, 999, 36_864, 1_024_000, 25.6e6, 1.2e9].map(countText)).toEqual([
    "0",
    "999",
    "36.9 k",
    "1.02 M",
    "25.6 M",
    "1.2 G",
  ]);
  expect(shapeText([64, 56, 56])).toBe("64 × 56 × 56");
});
