import { beforeEach, describe, expect, it, vi } from "vitest";
import { complete, type Declared, Parameters } from "../../src/ui/parameters";

const declared = (name: string, more: Partial<Declared>): Declared => ({
  name,
  kind: "int",
  default: 0,
  low: null,
  high: null,
  step: null,
  log: false,
  choices: [],
  label: "",
  unit: "",
  help: "",
  ...more,
});

const ALL = [
  declared("steps", { low: 8, high: 1024, log: true, default: 128, help: "More is finer." }),
  declared("noise", { kind: "float", low: 0, high: 1, step: 0.01, default: 0.15, unit: "σ" }),
  declared("relu", { kind: "bool", default: true }),
  declared("reduce", { kind: "choice", choices: ["mean", "root_mean_square"], default: "mean" }),
  declared("color", { kind: "color", default: "#808080", label: "colour" }),
  declared("picture", { kind: "image", default: null }),
  declared("seed", { low: 0, high: 2 ** 31 - 1, default: 0 }),
  declared("name", { kind: "text", default: "x" }),
  declared("images", { kind: "images", default: [] }),
];

describe("controls from declared parameters", () => {
  const tell = vi.fn();
  let made: Parameters;
  const input = <E extends HTMLElement>(i: number) =>
    made.element.children[i]!.querySelector<E>("input, select")!;
  const change = (element: HTMLInputElement | HTMLSelectElement, value: string, type = "input") => {
    element.value = value;
    element.dispatchEvent(new Event(type));
  };

  beforeEach(() => {
    tell.mockReset();
    made = new Parameters(tell);
    made.show(ALL, { seed: 7 }, ["<i>cat</i>.png", "dog.png"]);
  });

  it("makes one native control a parameter, none for what only the kernel fills in", () => {
    const kinds = [...made.element.children].map((field) => {
      const element = field.querySelector("select, input:not(.xw-number-box)")!;
      return element.tagName === "SELECT" ? "select" : (element as HTMLInputElement).type;
    });
    expect(kinds).toEqual(["range", "range", "checkbox", "select", "color", "select", "number", "text"]);
  });

  it("labels every one, from the label or the name", () => {
    const labels = [...made.element.querySelectorAll("label")].map((label) => label.textContent);
    expect(labels).toEqual(["Steps", "Noise", "Relu", "Reduce", "Colour", "Picture", "Seed", "Name"]);
    for (const label of made.element.querySelectorAll("label")) {
      expect(made.element.querySelector(`[id="${label.htmlFor}"]`)).not.toBeNull();
    }
  });

  it("tells each kind in its own type", () => {
    change(made.element.querySelector<HTMLInputElement>(".xw-range")!, "1000");
    const box = input<HTMLInputElement>(2);
    box.checked = false;
    box.dispatchEvent(new Event("change"));
    change(input<HTMLSelectElement>(3), "root_mean_square", "change");
    change(input<HTMLInputElement>(4), "#ff0000");
    change(input<HTMLSelectElement>(5), "1", "change");
    change(input<HTMLInputElement>(6), "42");
    change(input<HTMLInputElement>(7), "y", "change");
    expect(tell.mock.calls).toEqual([
      ["steps", 1024],
      ["relu", false],
      ["reduce", "root_mean_square"],
      ["color", "#ff0000"],
      ["picture", 1],
      ["seed", 42],
      ["name", "y"],
    ]);
  });

  it("keeps a half-typed or fractional integer to itself", () => {
    change(input<HTMLInputElement>(6), "1.5");
    change(input<HTMLInputElement>(6), "-3");
    change(input<HTMLInputElement>(6), "");
    expect(tell).not.toHaveBeenCalled();
  });

  it("follows values without rebuilding, so that the focus stays", () => {
    const before = input(0);
    made.show(ALL, { steps: 256, seed: 9 }, ["<i>cat</i>.png", "dog.png"]);
    expect(input(0)).toBe(before);
    expect(made.element.querySelector<HTMLInputElement>(".xw-number-box")!.value).toBe("256");
    expect(input<HTMLInputElement>(6).value).toBe("9");
    expect(tell).not.toHaveBeenCalled();
  });

  it("rebuilds for others, and hides where there are none", () => {
    made.show([], {});
    expect(made.element.hidden).toBe(true);
    made.show(ALL.slice(2, 3), {});
    expect(made.element.children.length).toBe(1);
    expect(made.element.hidden).toBe(false);
  });

  it("shows names with markup as text", () => {
    expect(made.element.querySelector("i")).toBeNull();
    expect(input<HTMLSelectElement>(5).textContent).toContain("<i>cat</i>.png");
  });

  it("completes with defaults and lets nothing undeclared through", () => {
    expect(complete(ALL, { steps: 16, intruder: 1, images: [1] })).toEqual({
      steps: 16,
      noise: 0.15,
      relu: true,
      reduce: "mean",
      color: "#808080",
      picture: 0,
      seed: 0,
      name: "x",
    });
  });
});
