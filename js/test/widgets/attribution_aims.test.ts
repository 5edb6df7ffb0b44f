import { describe, expect, it } from "vitest";
import type { Values, Welcome } from "../../src/live/client";
import { moved, resized } from "../../src/widgets/attribution/box";
import { fresh, kindOf, MIDDLE, type Surroundings } from "../../src/widgets/attribution/kinds";
import type { Prediction, Target } from "../../src/widgets/attribution/target";
import { aims } from "../../src/widgets/attribution_aims";

const LAYERS = [
  { name: "conv", kind: "Conv2d", view: "maps", channels: 8, grid: [6, 10] as [number, number] },
  { name: "fc", kind: "Linear", view: "vector", channels: 5, grid: null },
];
const BOXES: Prediction[] = [
  {
    index: 1,
    name: "cat",
    probability: 0.9,
    box: [0, 0, 0.5, 0.5],
    target: { kind: "detection", index: 1, box: [0, 0, 0.5, 0.5] },
  },
  {
    index: 1,
    name: "cat",
    probability: 0.4,
    box: [0.5, 0, 1, 0.5],
    target: { kind: "detection", index: 1, box: [0.5, 0, 1, 0.5] },
  },
];

function around(targets: string[], target: Target = null, top: Prediction[] = []): Surroundings {
  const welcome = {
    targets,
    classes: ["dog", "cat", "cow"],
    images: [{ name: "a.jpg" }, { name: "b.jpg" }],
  } as unknown as Welcome;
  const values = { image: 0, target, layer: "conv", channel: null } as unknown as Values;
  return { welcome, values, top, layers: LAYERS };
}
const CLASSIFIER = ["class", "margin", "top", "channel", "neuron", "position", "region", "similarity"];

function stage(known: Surroundings) {
  const told: Target[] = [];
  const made = aims((target) => told.push(target));
  const root = document.createElement("div");
  root.append(...made.fields, ...made.layers);
  document.body.append(root);
  made.show(known);
  const labels = () =>
    made.fields.filter((one) => !one.hidden).map((one) => one.querySelector(".xw-label")!.textContent);
  const control = (label: string) =>
    made.fields
      .find((one) => one.querySelector(".xw-label")!.textContent === label)!
      .querySelector<HTMLInputElement | HTMLSelectElement>("input, select")!;
  const change = (label: string, value: string) => {
    control(label).value = value;
    control(label).dispatchEvent(new Event("change"));
  };
  return { told, made, labels, control, change, layer: made.layers[0] as HTMLElement };
}

describe("the kinds", () => {
  it("are those that the network can be asked for, and each shows only its own fields", () => {
    const at = stage(around(CLASSIFIER));
    const options = [...(at.control("Explain") as HTMLSelectElement).options].map(({ value }) => value);
    expect(options).toEqual(CLASSIFIER.filter((kind) => kind !== "margin"));
    expect(at.labels()).toEqual(["Explain"]);
    at.made.show(around(CLASSIFIER, { kind: "neuron", layer: "conv", channel: 2, position: [1, 3] }));
    expect(at.labels()).toEqual(["Explain", "Of layer", "Channel", "Row", "Column"]);
    at.made.show(around(CLASSIFIER, { kind: "top", count: 2 }));
    expect(at.labels()).toEqual(["Explain", "How many"]);
  });

  it("begin with what lies near: the layer in view, the middle, another image", () => {
    const known = around(CLASSIFIER);
    expect(fresh("neuron", known)).toEqual({ kind: "neuron", layer: "conv", channel: 0, position: [3, 5] });
    expect(fresh("region", known)).toEqual({ kind: "region", layer: "conv", channel: 0, box: MIDDLE });
    expect(fresh("similarity", known)).toEqual({ kind: "similarity", layer: "conv", reference: 1 });
    expect(fresh("top", known)).toEqual({ kind: "top", count: 3 });
    expect(fresh("class", known)).toBeNull();
    expect(fresh("detection", around(["detection"], null, BOXES))).toEqual(BOXES[0]!.target);
  });

  it("are read off the target, and off the network where nothing is chosen", () => {
    const { welcome } = around(["segment", "class"]);
    expect(kindOf(null, welcome)).toBe("segment");
    expect(kindOf(2, welcome)).toBe("class");
    expect(kindOf({ kind: "margin", index: 1, other: 2 }, welcome)).toBe("class");
    expect(kindOf(null, around(["similarity", "class"]).welcome)).toBe("class");
  });
});

describe("fields", () => {
  it("change one thing of the target, held within the layer", () => {
    const target = { kind: "neuron", layer: "conv", channel: 2, position: [1, 3] };
    const at = stage(around(CLASSIFIER, target));
    at.change("Row", "99");
    at.change("Channel", "-4");
    at.change("Of layer", "conv");
    expect(at.told).toEqual([{ ...target, position: [5, 3] }, { ...target, channel: 0 }, target]);
  });

  it("choose one of two boxes with the same label", () => {
    const at = stage(around(["detection", "class"], null, BOXES));
    const select = at.control("Box") as HTMLSelectElement;
    expect([...select.options].map(({ text }) => text.slice(0, 8))).toEqual(["cat · 90", "cat · 40"]);
    expect(select.value).toBe("0");
    at.change("Box", "1");
    expect(at.told).toEqual([BOXES[1]!.target]);
    at.made.show(around(["detection", "class"], BOXES[1]!.target as Target, BOXES));
    expect(select.value).toBe("1");
    expect(at.layer.querySelectorAll(".xw-boxes-found > i")).toHaveLength(2);
    expect(at.layer.hasAttribute("data-editable")).toBe(false);
  });

  it("say that a box of another image is none of those found here", () => {
    const elsewhere = { kind: "detection", index: 2, box: [0, 0, 0.1, 0.1] };
    const at = stage(around(["detection", "class"], elsewhere, BOXES));
    expect((at.control("Box") as HTMLSelectElement).selectedOptions[0]!.text).toContain("None of those");
  });

  it("turn a class where it is seen into one within a region, and back", () => {
    const target = { kind: "segment", index: 1, box: null };
    const at = stage(around(["segment", "class"], target));
    expect(at.layer.hidden).toBe(true);
    at.change("Part", "box");
    expect(at.told.pop()).toEqual({ ...target, box: MIDDLE });
    at.made.show(around(["segment", "class"], { ...target, box: [...MIDDLE] }));
    expect(at.layer.hidden).toBe(false);
    at.change("Part", "seen");
    expect(at.told.pop()).toEqual(target);
  });

  it("take another image of the session, at a layer or at the output", () => {
    const target = { kind: "similarity", layer: "conv", reference: 0 };
    const at = stage(around(["similarity", "class"], target));
    at.change("Other image", "1");
    at.change("Of layer", "");
    expect(at.told).toEqual([
      { ...target, reference: 1 },
      { ...target, layer: null },
    ]);
  });
});

describe("a box", () => {
  const target = { kind: "region", layer: "conv", channel: 0, box: [0.25, 0.25, 0.75, 0.75] };
  const pointer = (type: string, x: number, y: number) =>
    Object.assign(new MouseEvent(type, { clientX: x, clientY: y, button: 0, bubbles: true }), {
      pointerId: 1,
    });

  it("is drawn with the pointer, in any direction, and told once", () => {
    const at = stage(around(CLASSIFIER, target));
    at.layer.getBoundingClientRect = () => new DOMRect(100, 50, 200, 100);
    at.layer.dispatchEvent(pointer("pointerdown", 280, 140));
    at.layer.dispatchEvent(pointer("pointermove", 200, 100));
    expect(at.told).toEqual([]);
    at.layer.dispatchEvent(pointer("pointermove", 120, 40));
    at.layer.dispatchEvent(pointer("pointerup", 120, 40));
    expect(at.told).toEqual([{ ...target, box: [0.1, 0, 0.9, 0.9] }]);
  });

  it("stays where a click draws nothing", () => {
    const at = stage(around(CLASSIFIER, target));
    at.layer.getBoundingClientRect = () => new DOMRect(0, 0, 100, 100);
    at.layer.dispatchEvent(pointer("pointerdown", 10, 10));
    at.layer.dispatchEvent(pointer("pointerup", 10.5, 10));
    expect(at.told).toEqual([]);
    expect(at.layer.querySelector<HTMLElement>(".xw-box")!.style.left).toBe("25%");
  });

  it("is moved and resized by keys, and never leaves the picture", () => {
    const at = stage(around(CLASSIFIER, target));
    const press = (key: string, shiftKey = false) =>
      at.layer.querySelector(".xw-box")!.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey }));
    press("ArrowRight");
    press("ArrowUp", true);
    expect(at.told.map((one) => (one as { box: number[] }).box)).toEqual([
      [0.27, 0.25, 0.77, 0.75],
      [0.27, 0.25, 0.77, 0.73],
    ]);
    expect(moved([0.5, 0, 1, 0.5], 0.2, -0.2)).toEqual([0.5, 0, 1, 0.5]);
    expect(resized([0.5, 0.5, 0.6, 0.6], -0.5, 0.9)).toEqual([0.5, 0.5, 0.52, 1]);
  });
});
