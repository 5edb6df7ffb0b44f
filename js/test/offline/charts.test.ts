import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Frame, Tensor } from "../../src/live/codec";
import { Chart, ticksOf } from "../../src/offline/chart";
import { ablationOf, pathOf } from "../../src/offline/lab_charts";
import { setStage } from "../widgets/stage";

const floats = (values: number[], shape = [values.length]): Tensor => ({
  data: Float32Array.from(values),
  shape,
  scale: 1,
  zero: 0,
});
const frame = (meta: object, arrays: Record<string, Tensor>): Frame => ({
  topic: "path",
  params: {},
  step: { index: 0, done: 1, error: null, final: true },
  meta,
  arrays,
});

describe("the chart of the path", () => {
  const nodes = [0, 0.25, 1];
  const maps = [
    [1, 3],
    [2, 6],
    [0, -4],
  ];
  const path = (meta: object) =>
    pathOf(
      frame(meta, {
        nodes: floats(nodes),
        outputs: floats([2, 3, 5]),
        maps: { data: Int16Array.from(maps.flat()), shape: [3, 1, 2], scale: 0.5, zero: 0 },
      }),
    );

  it("adds up the attributions as a trapezoid does", () => {
    const [output, sum] = path({}).lines;
    expect([...(output!.y as number[])]).toEqual([0, 1, 3]);
    const at = maps.map(([a, b]) => 0.5 * (a! + b!));
    const first = ((at[0]! + at[1]!) / 2) * 0.25;
    const second = first + ((at[1]! + at[2]!) / 2) * 0.75;
    expect(sum!.y[0]).toBeCloseTo(0);
    expect(sum!.y[1]).toBeCloseTo(first);
    expect(sum!.y[2]).toBeCloseTo(second);
  });

  it("marks the gap and the saturated part where they are known", () => {
    const shown = path({ gap: 0.031, total: 3, saturated: [0.2, 0.8] });
    expect(shown.lines[2]).toMatchObject({ x: [1, 1], words: "completeness gap 3.1 %" });
    expect(shown.lines[2]!.y[1]).toBe(3);
    expect(shown.band).toMatchObject({ from: 0.2, to: 0.8 });
    expect(path({ gap: null, saturated: null })).toMatchObject({ band: null, lines: [{}, {}] });
  });
});

describe("the chart of the ablation", () => {
  it("has a curve for each baseline that is known, and the mean of the random orders", () => {
    const entries = [
      { label: "black", area: 1.5, color: "#111111" },
      { label: "<b>blur", area: null, color: "#222222" },
    ];
    const { lines } = ablationOf(
      frame(
        { entries, random_area: 2 },
        {
          shares: floats([0, 1]),
          curves: floats([3, 1, Number.NaN, Number.NaN], [2, 2]),
          random: floats([3, 1, 3, 2], [2, 2]),
        },
      ),
    );
    expect(lines.map(({ words }) => words)).toEqual([undefined, undefined, "random order: 2", "black: 1.5"]);
    expect([...(lines[2]!.y as number[])]).toEqual([3, 1.5]);
    expect([...(lines[3]!.y as Float32Array)]).toEqual([3, 1]);
  });
});

describe("a chart", () => {
  beforeEach(() => setStage());
  afterEach(() => vi.useRealTimers());

  it("writes round numbers at its axis", () => {
    expect(ticksOf(0, 7.7)).toEqual([0, 2, 4, 6]);
    expect(ticksOf(-0.13, 0.31)).toEqual([-0.1, 0, 0.1, 0.2, 0.3]);
    expect(ticksOf(1000, 1001)).toEqual([1000, 1000.2, 1000.4, 1000.6, 1000.8, 1001]);
  });

  it("draws its lines between its ends, and moves its cursor", () => {
    vi.stubGlobal("ResizeObserver", undefined);
    const chart = new Chart("A chart");
    Object.defineProperty(chart.element.querySelector("svg")!, "clientWidth", { get: () => 400 });
    document.body.append(chart.element);
    chart.show({
      across: "x",
      up: "y",
      tick: String,
      band: null,
      lines: [{ x: [0, 1], y: [1, 3], color: "red", words: "<i>rise" }],
    });
    expect(chart.element.querySelector(".xw-chart-legend")!.textContent).toBe("<i>rise");
    chart.resize();
    const points = chart.element.querySelector("polyline")!.getAttribute("points")!.split(" ");
    const [left, bottom, right, top] = points.flatMap((point) => point.split(",").map(Number));
    expect(left!).toBeLessThan(right!);
    expect(bottom!).toBeGreaterThan(top!);
    const at = () => Number(chart.element.querySelector(".xw-chart-cursor")!.getAttribute("x1"));
    chart.point(0);
    expect(at()).toBe(left);
    chart.point(0.5);
    expect(at()).toBe((left! + right!) / 2);
    chart.show(null);
    expect(chart.element.querySelector("polyline")).toBeNull();
    vi.unstubAllGlobals();
    chart.dispose();
  });
});
