import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import panel from "../../src/widgets/predictions";
import { FakeKernel, type FakeModel, type FakeOptions } from "../fake";
import { mount, press, setStage, settle } from "./stage";

let kernel: FakeKernel;
let model: FakeModel;
let root: HTMLElement;
let close: (() => void)[] = [];

async function open(options: FakeOptions = {}, traits = {}): Promise<void> {
  kernel = new FakeKernel(options);
  model = kernel.panel({ image: 0, target: null, count: 5, ...traits });
  const mounted = await mount(panel, kernel, model, ".xw-prediction-rows");
  root = mounted.root;
  close.push(mounted.close);
}

const rows = () => [...root.querySelectorAll<HTMLElement>(".xw-pr-row:not([data-empty])")];
const radios = () => [...root.querySelectorAll<HTMLInputElement>("input[type=radio]")];
const chosen = () => radios().map((radio) => radio.checked);
const message = () => root.querySelector<HTMLElement>(".xw-pr-message")!;
const asked = () => kernel.requests.filter(({ topic }) => topic === "predictions");

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

describe("the rows", () => {
  it("name the classes with their probabilities, as radio buttons of one group", async () => {
    await open();
    expect(rows().map((row) => row.querySelector(".xw-pr-name")!.textContent)).toEqual(
      kernel.classes!.slice(0, 5),
    );
    expect(rows().map((row) => row.querySelector(".xw-pr-share")!.textContent)).toEqual(
      [4.1, 2.6, 1.9, 0.7, 0.2].map((logit) => `${((100 * Math.exp(logit)) / 86).toFixed(1)} %`),
    );
    expect(new Set(radios().map(({ name }) => name)).size).toBe(1);
    const group = root.querySelector("[role=radiogroup]")!;
    expect(document.getElementById(group.getAttribute("aria-labelledby")!)!.textContent).toBe("Predictions");
    expect(root.dataset.phase).toBe("done");
  });

  it("mark the target: the likeliest class where none is chosen, none where it is not among them", async () => {
    await open();
    expect(chosen()).toEqual([true, false, false, false, false]);
    kernel.state({ target: 2 });
    expect(chosen()).toEqual([false, false, true, false, false]);
    kernel.state({ target: { kind: "margin", index: 1, other: 3 } });
    expect(chosen()).toEqual([false, true, false, false, false]);
    kernel.state({ target: 77 });
    expect(chosen()).toEqual([false, false, false, false, false]);
  });

  it("make a class the target", async () => {
    await open();
    radios()[3]!.click();
    await settle();
    expect(kernel.selection.target).toBe(3);
    expect(model.get("target")).toBe(3);
  });

  it("keep their elements, and so the focus, from image to image", async () => {
    await open();
    const before = radios();
    before[0]!.focus();
    kernel.state({ image: 1 });
    await settle();
    expect(asked().map(({ params }) => params.image)).toEqual([0, 1]);
    expect(radios()).toEqual(before);
    expect(document.activeElement).toBe(before[0]);
  });

  it("are as many as wished, and never more than there are classes", async () => {
    await open({}, { count: 3 });
    expect(rows()).toHaveLength(3);
    model.set("count", 7);
    expect(radios()).toHaveLength(7);
    expect(rows()).toHaveLength(5);
    expect(radios().map(({ disabled }) => disabled)).toEqual([false, false, false, false, false, true, true]);
    model.set("count", 2);
    expect(radios()).toHaveLength(2);
  });

  it("keep names with markup as text", async () => {
    await open({ classes: ["<img src=x>", "b", "c", "d", "e"] });
    expect(rows()[0]!.textContent).toContain("<img src=x>");
    expect(root.querySelector("img")).toBeNull();
  });
});

describe("states", () => {
  it("say what is wrong, and ask again", async () => {
    await open();
    kernel.failures.set("predictions", {
      type: "ModelError",
      message: "It <b>raised</b>.",
      hint: "Mend it.",
    });
    kernel.state({ image: 1 });
    await settle();
    expect(root.dataset.phase).toBe("error");
    expect(message().textContent).toBe("It <b>raised</b>. Mend it.Try again");
    expect(message().querySelector("b")).toBeNull();
    expect(
      radios().every(({ disabled }) => disabled),
      "they are another image's classes",
    ).toBe(true);
    kernel.failures.clear();
    message().querySelector("button")!.click();
    await settle();
    expect(root.dataset.phase).toBe("done");
    expect(message().textContent).toBe("");
    expect(radios().some(({ disabled }) => disabled)).toBe(false);
  });

  it("nothing is asked without an image, and the places of the rows are kept", async () => {
    await open({ images: [] });
    expect(asked()).toHaveLength(0);
    expect(radios()).toHaveLength(5);
    expect(rows()).toHaveLength(0);
  });

  it("leave nothing behind", async () => {
    await open();
    expect(press(root, "Escape").defaultPrevented).toBe(false);
    for (const fn of close) fn();
    close = [];
    expect(model.count("change:count") + model.count("change:target")).toBe(0);
    expect(document.querySelector(".xw-prediction-rows")).toBeNull();
  });
});
