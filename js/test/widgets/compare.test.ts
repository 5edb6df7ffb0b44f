import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Params } from "../../src/live/client";
import panel from "../../src/widgets/compare";
import { difference, groupOf } from "../../src/widgets/compare/together";
import { FakeKernel, type FakeModel, type FakeOptions } from "../fake";
import { mount, press, setStage, settle } from "./stage";

const WIDTH = 8;
const HEIGHT = 6;
const SIZE = WIDTH * HEIGHT;

/** Answers what a comparison asks: the maps follow from method and baseline. */
class GridKernel extends FakeKernel {
  /** Methods without a baseline. */
  readonly idle = new Set(["gradient"]);

  constructor(options: FakeOptions = {}) {
    super({ steps: 2, stepped: ["cell"], ...options });
  }

  override answer(topic: string, params: any, done = 1) {
    switch (topic.split(":")[0]) {
      case "grid":
        return { meta: this.#grid(params), arrays: {} };
      case "cell":
        return this.#cell(params, done);
      case "picture":
        return {
          meta: { name: "x" },
          arrays: { picture: { data: new Uint8Array(3 * SIZE).fill(120), shape: [HEIGHT, WIDTH, 3] } },
        };
      case "agreement":
        return this.#agreement(params);
      case "parting":
        return {
          meta: { layers: ["a", "b", "c"], at: "b", why: "They part at b: …" },
          arrays: { similarity: { data: Float32Array.from([1, 0.4, 0.2]), shape: [3] } },
        };
      default:
        return super.answer(topic, params, done);
    }
  }

  #grid({ methods, by, columns, blind, ...kept }: any) {
    const values: unknown[] =
      columns.length > 0
        ? columns
        : by === "models"
          ? [null, "early"]
          : by === "targets"
            ? [0, 1]
            : [{ name: "black" }, { name: "white" }];
    const named = (value: any) => (by === "models" ? (value ?? "Net") : (value?.name ?? `class ${value}`));
    const all = values.map((value) => ({
      value,
      label: named(value),
      detail: "",
      control: null as string | null,
    }));
    if (blind) {
      all.splice(blind % 2, 0, { value: null, label: "Weights shuffled", detail: "", control: "randomised" });
      all.push({ value: null, label: "Edges of the picture", detail: "", control: "edges" });
    }
    const keys: Record<string, string> = { baselines: "baseline", targets: "target", models: "model" };
    const key = keys[by]!;
    const cells = methods.map((method: string) =>
      all.map(({ value, control }, i) =>
        this.idle.has(method) && by === "baselines" && i > 0
          ? { wish: null, says: "Takes no baseline." }
          : { wish: { ...kept, model: null, control, method, params: {}, [key]: value }, says: "" },
      ),
    );
    return { rows: methods, columns: all, cells, letters: blind ? "ABCD".slice(0, all.length) : "" };
  }

  #cell({ method, baseline, control }: any, done: number) {
    const size = method.length * (baseline?.name === "white" ? 2 : 1) * done;
    const data = Int16Array.from({ length: SIZE }, (_, p) => Math.round(500 * size * Math.sin(p)));
    const evidence = { line: "gap 1 %", worst: "holds", checks: [] };
    return {
      meta: { signed: control !== "edges", target: { label: "tabby", index: 0 }, evidence },
      arrays: { map: { data, shape: [HEIGHT, WIDTH], scale: 1 / 500, zero: 0 } },
    };
  }

  #agreement({ cells }: any) {
    const k = cells.length;
    const figures = Float32Array.from({ length: k * k }, (_, i) => (Math.floor(i / k) === i % k ? 1 : 0.25));
    const matrix = { data: figures, shape: [k, k] };
    return {
      meta: { size: [HEIGHT, WIDTH], means: { rank: 0.25, ssim: 0.5, top: null } },
      arrays: {
        spread: { data: new Int16Array(SIZE).fill(3), shape: [HEIGHT, WIDTH], scale: 1, zero: 0 },
        rank: matrix,
        ssim: matrix,
        top: matrix,
      },
    };
  }
}

let kernel: GridKernel;
let model: FakeModel;
let root: HTMLElement;
let close: (() => void)[] = [];

async function open(traits: Record<string, unknown> = {}, options: FakeOptions = {}): Promise<void> {
  kernel = new GridKernel(options);
  model = kernel.panel({ methods: ["integrated_gradients", "occlusion"], by: "baselines", ...traits });
  const mounted = await mount(panel, kernel, model, ".xw-compare");
  root = mounted.root;
  close.push(mounted.close);
}

const all = (selector: string) => [...root.querySelectorAll<HTMLElement>(selector)];
const cells = () => all(".xw-cmp-cell");
const heads = () => all(".xw-cmp-head > b").map(({ textContent }) => textContent);
const button = (name: string) =>
  all("button").find(({ textContent }) => textContent?.trim() === name) as HTMLButtonElement;
const asked = (topic: string) => kernel.requests.filter((one) => one.topic.split(":")[0] === topic);

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

describe("the grid", () => {
  it("asks for every cell on a line of its own, and shows each with its column and row", async () => {
    await open();
    expect(heads()).toEqual(["black", "white"]);
    expect(all(".xw-cmp-name > b").map(({ textContent }) => textContent)).toEqual([
      "Integrated gradients",
      "Occlusion",
    ]);
    expect(new Set(asked("cell").map(({ topic }) => topic)).size).toBe(4);
    expect(cells().map(({ dataset }) => dataset.phase)).toEqual(["done", "done", "done", "done"]);
    expect(root.dataset.phase).toBe("done");
    expect(root.dataset.maps).toBe("4");
    expect(cells()[1]!.querySelector("canvas")!.getAttribute("aria-label")).toContain(
      "Integrated gradients, white: strongest at",
    );
  });

  it("says why a cell is empty, and asks nothing for it", async () => {
    await open({ methods: ["gradient"] });
    expect(cells()[1]!.querySelector(".xw-cmp-says")!.textContent).toBe("Takes no baseline.");
    expect(asked("cell")).toHaveLength(1);
    expect(root.dataset.phase).toBe("done");
  });

  it("shows what fails in its cell, and the others all the same", async () => {
    await open({}, {});
    kernel.failures.set("cell:1", { type: "NotValidError", message: "Not <here>.", hint: "Take another." });
    kernel.state({ seed: 3 });
    await settle();
    const says = cells()[1]!.querySelector<HTMLElement>(".xw-cmp-says")!;
    expect(says.textContent).toBe("Not <here>. Take another.");
    expect(says.hasAttribute("data-failed")).toBe(true);
    expect(cells()[2]!.dataset.phase).toBe("done");
  });

  it("selects what a cell shows, for all panels", async () => {
    await open();
    cells()[3]!.click();
    await settle();
    expect(kernel.selection.method).toBe("occlusion");
    expect(kernel.selection.baseline).toEqual({ name: "white" });
    expect(cells().map((cell) => cell.getAttribute("aria-selected"))).toEqual([
      "false",
      "false",
      "false",
      "true",
    ]);
  });

  it("is walked by arrows, one cell in the order of Tab", async () => {
    await open();
    expect(cells().map(({ tabIndex }) => tabIndex)).toEqual([0, -1, -1, -1]);
    cells()[0]!.focus();
    press(cells()[0]!, "ArrowRight");
    press(cells()[1]!, "ArrowRight");
    expect(document.activeElement).toBe(cells()[1]);
    press(cells()[1]!, "ArrowDown");
    expect(document.activeElement).toBe(cells()[3]);
    press(cells()[3]!, "Home");
    expect(document.activeElement).toBe(cells()[2]);
    press(cells()[2]!, "Enter");
    await settle();
    expect(kernel.selection.method).toBe("occlusion");
  });

  it("zooms all cells together by keys, never below the whole picture", async () => {
    await open();
    const board = root.querySelector<HTMLElement>(".xw-cmp-board")!;
    press(cells()[0]!, "+");
    press(cells()[0]!, "+");
    expect(Number(board.style.getPropertyValue("--zoom"))).toBeCloseTo(1.25 ** 2);
    // Around the middle: as much is cut at the left as at the right.
    expect(board.style.getPropertyValue("--zoom-x")).toBe(`${-100 * (0.5 - 0.5 / 1.25 ** 2)}%`);
    press(cells()[0]!, "0");
    press(cells()[0]!, "-");
    expect(board.style.getPropertyValue("--zoom")).toBe("1");
    expect(board.hasAttribute("data-zoomed")).toBe(false);
  });

  it("keeps the maps of cells that stay when a row is added", async () => {
    await open();
    const before = asked("cell").length;
    model.set("methods", ["integrated_gradients", "occlusion", "gradient"]);
    await settle();
    expect(cells()).toHaveLength(6);
    expect(asked("cell")).toHaveLength(before + 1);
    expect(root.dataset.maps).toBe("5");
  });

  it("drops what runs by Escape", async () => {
    await open({}, { latency: { "cell:0": 5000, "cell:1": 5000, "cell:2": 5000, "cell:3": 5000 } });
    expect(root.dataset.phase).toBe("waiting");
    press(root, "Escape");
    await settle();
    expect(root.dataset.phase).toBe("cancelled");
    await settle(20_000);
    expect(root.dataset.maps).toBe("0");
  });
});

describe("scales", () => {
  const limits = () =>
    all(".xw-cmp-cell > .xw-scale").map(({ dataset, hidden }) => (hidden ? null : dataset.limit));

  it("are each map's own, a row's, or one for all, and always shown", async () => {
    await open({ clip: 100 });
    const own = limits().map(Number);
    expect(own[1]).toBeCloseTo(2 * own[0]!, 1);
    model.set("scale", "row");
    await settle();
    expect(limits()).toEqual([null, null, null, null]);
    const rows = all(".xw-cmp-name > .xw-scale").map(({ dataset }) => Number(dataset.limit));
    expect(rows[0]).toBeCloseTo(own[1]!);
    expect(rows[1]).toBeCloseTo(own[3]!);
    model.set("scale", "all");
    await settle();
    const shared = root.querySelector<HTMLElement>(".xw-cmp-scale-line > .xw-scale")!;
    expect(shared.hidden).toBe(false);
    expect(Number(shared.dataset.limit)).toBeCloseTo(Math.max(...own));
  });
});

describe("rows and columns", () => {
  it("are taken away and added by chips", async () => {
    await open();
    all(".xw-chip-drop")[0]!.click();
    await settle(200);
    expect(model.get("methods")).toEqual(["occlusion"]);
    expect((all(".xw-chip-drop")[0] as HTMLButtonElement).disabled).toBe(true);
    const add = root.querySelectorAll<HTMLSelectElement>(".xw-chip-add")[0]!;
    add.value = "gradient";
    add.dispatchEvent(new Event("change"));
    await settle(200);
    expect(model.get("methods")).toEqual(["occlusion", "gradient"]);
  });

  it("name the columns that were usual before, once one is taken away", async () => {
    await open();
    all(".xw-chip-drop").at(-1)!.click();
    await settle(200);
    expect(model.get("columns")).toEqual([{ name: "black" }]);
    expect(heads()).toEqual(["black"]);
  });

  it("forget the columns of another axis", async () => {
    await open({ columns: [{ name: "white" }] });
    const by = root.querySelector<HTMLSelectElement>(".xw-cmp-axis .xw-field select")!;
    by.value = "targets";
    by.dispatchEvent(new Event("change"));
    await settle(200);
    expect(model.get("by")).toBe("targets");
    expect(model.get("columns")).toEqual([]);
    expect(heads()).toEqual(["class 0", "class 1"]);
  });
});

describe("agreement", () => {
  it("is asked for once the maps of the row are there, with their wishes", async () => {
    await open();
    const [first] = asked("agreement");
    expect((first!.params.cells as Params[]).map(({ method }) => method)).toEqual([
      "integrated_gradients",
      "integrated_gradients",
    ]);
    expect(asked("agreement")).toHaveLength(1);
    const figures = all(".xw-matrix td:not([data-same])").map(({ textContent }) => textContent);
    expect(figures.filter(Boolean)).toEqual([".25", ".25"]);
    expect(root.querySelector(".xw-cmp-pairs .xw-note")!.textContent).toContain("On average 0.25.");
  });

  it("is that of the column, too, and by another measure", async () => {
    await open();
    model.set("along", "column");
    model.set("measure", "ssim");
    await settle();
    const wishes = asked("agreement").at(-1)!.params.cells as Params[];
    expect(wishes.map(({ method }) => method)).toEqual(["integrated_gradients", "occlusion"]);
    expect(root.querySelector(".xw-cmp-pairs .xw-note")!.textContent).toContain("On average 0.50.");
  });

  it("takes a line with two maps where the selected one has less", () => {
    const plan = (wish: object | null) => ({ wish, says: "" });
    const known = {
      welcome: { methods: [{ name: "a", label: "A" }] },
      values: { method: "a", baseline: { name: "black" } },
      look: { by: "baselines", along: "row", revealed: false },
      layout: {
        rows: ["a", "b"],
        columns: [
          { value: { name: "black" }, label: "Black", control: null },
          { value: { name: "white" }, label: "White", control: null },
        ],
        cells: [
          [plan({}), plan(null)],
          [plan({}), plan({})],
        ],
        letters: "",
      },
    };
    expect(groupOf(known as never)).toEqual({ title: "b", indices: [2, 3], names: ["Black", "White"] });
  });

  it("shows the difference of two maps in units of their mean sizes", () => {
    const map = (...data: number[]) => ({
      data: Float32Array.from(data),
      width: 2,
      height: 1,
      scale: 2,
      zero: 0,
    });
    expect([...difference(map(1, 3), map(-10, 10))!.data]).toEqual([-1.5, -0.5]);
    expect(difference(map(1, 3), { ...map(1, 3), width: 1 })).toBeNull();
  });

  it("tells where models part", async () => {
    await open({ by: "models", others: ["early"] });
    expect(asked("parting").map(({ params }) => params)).toEqual([{ image: 0, one: null, other: "early" }]);
    expect(root.querySelector(".xw-cmp-part .xw-cmp-detail")!.textContent).toBe("They part at b: …");
    expect(root.querySelector<HTMLElement>(".xw-cmp-mark")!.style.left).toBe("50%");
  });
});

describe("a blind trial", () => {
  it("hides names, signs, evidence and agreement until it is revealed", async () => {
    await open();
    button("Blind trial").click();
    await settle(200);
    expect(model.get("blind")).toBeGreaterThan(0);
    expect(heads()).toEqual(["A", "B", "C", "D"]);
    expect(root.textContent).not.toContain("Weights shuffled");
    expect(root.innerHTML).not.toContain("Edges of the picture");
    expect(all(".xw-cmp-cell .xw-verdict").every(({ textContent }) => textContent === "")).toBe(true);
    expect(root.querySelector<HTMLElement>(".xw-cmp-together")!.hidden).toBe(true);
    const before = kernel.selection.method;
    cells().at(-1)!.click();
    await settle();
    expect(kernel.selection.method).toBe(before);
  });

  it("says how many controls were found", async () => {
    await open();
    model.set("blind", 2); // the shuffled one is A, edges are D
    await settle(200);
    all(".xw-cmp-suspect")[3]!.click();
    all(".xw-cmp-suspect")[1]!.click();
    await settle();
    expect(all(".xw-cmp-suspect").map((one) => one.getAttribute("aria-pressed"))).toEqual([
      "false",
      "true",
      "false",
      "true",
    ]);
    button("Reveal").click();
    await settle(200);
    expect(root.querySelector(".xw-cmp-blind-words")!.textContent).toContain(
      "You found 1 of 2 controls, and took 1 explanation for one.",
    );
    expect(heads()[3]).toBe("D: Edges of the picture");
    button("End trial").click();
    await settle(200);
    expect(heads()).toEqual(["black", "white"]);
  });

  it("shows the maps of a row together, so that the quick one does not tell itself", async () => {
    await open({ methods: ["occlusion"], blind: 2 }, { latency: { "cell:1": 5000 } });
    expect(cells()[3]!.dataset.phase).toBe("done");
    expect(all(".xw-cmp-cell .xw-pane").every((pane) => pane.hasAttribute("data-empty"))).toBe(true);
    await settle(20_000);
    expect(all(".xw-cmp-cell .xw-pane").some((pane) => pane.hasAttribute("data-empty"))).toBe(false);
  });
});
