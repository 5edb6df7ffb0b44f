import { describe, expect, it } from "vitest";
import { clipRange, type Tensor } from "../../../src/draw/plane";
import { ablate, along, orderOf } from "../../../src/widgets/baselines/ablate";
import { hatch } from "../../../src/widgets/baselines/hatch";
import { blend, dot, mix, pooled, totals, weightsAt, weightsUpTo } from "../../../src/widgets/baselines/path";
import { extend, full, MOST_POINTS, MOST_STROKES, type Stroke } from "../../../src/widgets/baselines/strokes";

const NODES = [[0.5], [0, 0.5, 1], [0, 0.25, 0.3, 0.75, 1], [0.2, 0.6]];
const ALPHAS = [0, 0.01, 0.2, 0.25, 0.3, 0.499, 0.5, 0.77, 1];

/** The value at a place, looked up in the definition: linear between nodes, constant beyond. */
function slow(nodes: number[], values: number[], at: number): number {
  if (at <= nodes[0]!) return values[0]!;
  if (at >= nodes.at(-1)!) return values.at(-1)!;
  const right = nodes.findIndex((node) => node >= at);
  const [a, b] = [nodes[right - 1]!, nodes[right]!];
  return values[right - 1]! + ((values[right]! - values[right - 1]!) * (at - a)) / (b - a);
}

describe("the path", () => {
  for (const nodes of NODES) {
    const values = nodes.map((node, i) => Math.sin(3 * node) + i);

    it(`is linear between the nodes ${nodes}`, () => {
      for (const alpha of ALPHAS)
        expect(dot(weightsAt(nodes, alpha), values)).toBeCloseTo(slow(nodes, values, alpha), 10);
    });

    it(`accumulates to the area under it: ${nodes}`, () => {
      const steps = 20_000;
      for (const alpha of ALPHAS) {
        let area = 0;
        for (let i = 0; i < steps; i++)
          area += (slow(nodes, values, ((i + 0.5) / steps) * alpha) * alpha) / steps;
        expect(dot(weightsUpTo(nodes, alpha), values)).toBeCloseTo(area, 6);
      }
    });
  }

  it("at its end is the trapezoid rule", () => {
    expect([...weightsUpTo([0, 0.25, 1], 1)]).toEqual([0.125, 0.5, 0.375]);
  });

  const maps: Tensor = {
    data: Int16Array.from({ length: 3 * 20 }, (_, i) => Math.round(30000 * Math.sin(i * 2.1))),
    shape: [3, 4, 5],
    scale: 0.01,
    zero: 0,
  };

  it("mixes maps value by value, whatever their scales", () => {
    const scaled = { ...maps, scale: [0.01, 0.02, 0.5], zero: [0, 10, -3] };
    const weights = [0.5, 0, 2];
    const found = mix(scaled, weights, new Float32Array(20));
    for (let p = 0; p < 20; p++) {
      let value = 0;
      for (let i = 0; i < 3; i++)
        value += weights[i]! * scaled.scale[i]! * (maps.data[20 * i + p]! - scaled.zero[i]!);
      expect(found.data[p]).toBeCloseTo(value, 0);
    }
    expect([found.width, found.height]).toEqual([5, 4]);
  });

  it("sums each map", () => {
    const sums = totals({ ...maps, zero: 2 });
    for (let i = 0; i < 3; i++) {
      const values = [...maps.data.subarray(20 * i, 20 * i + 20)].map((q) => 0.01 * (q - 2));
      expect(sums[i]).toBeCloseTo(
        values.reduce((a, b) => a + b, 0),
        8,
      );
    }
  });

  it("has one percentile over all its maps, as sorting them gives", () => {
    const sorted = [...maps.data].map(Math.abs).sort((a, b) => a - b);
    for (const percent of [50, 73.1, 99, 100]) {
      const place = (percent / 100) * (sorted.length - 1);
      const [left, right] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
      const value = left + (right - left) * (place - Math.floor(place));
      expect(clipRange(pooled(maps), percent, "both")[1]).toBeCloseTo(0.01 * value, 8);
    }
    const sparse = { ...maps, data: Int16Array.from({ length: 60 }, (_, i) => (i === 7 ? -50 : 0)) };
    expect(clipRange(pooled(sparse), 90, "both")[1]).toBeCloseTo(0.5, 10);
  });

  it("blends two pictures", () => {
    const [from, to] = [Uint8Array.from([0, 10, 255, 3, 3, 3]), Uint8Array.from([255, 20, 0, 4, 3, 1])];
    for (const alpha of [0, 0.3, 1]) {
      const out = new Uint32Array(2);
      blend(from, to, alpha, out);
      const bytes = new Uint8Array(out.buffer);
      for (let i = 0; i < 6; i++) {
        const value = Math.floor(from[i]! + alpha * (to[i]! - from[i]!) + 0.5);
        expect(bytes[i + Math.floor(i / 3)]).toBe(value);
      }
      expect([bytes[3], bytes[7]]).toEqual([255, 255]);
    }
  });
});

describe("ablation", () => {
  const data = Int16Array.from([5, -7, 5, 0, 32767, -32768, 5, 1]);
  const map = { data, width: 4, height: 2, scale: 0.1, zero: 0 };

  it("takes the largest signed value first, of equal ones the earlier first", () => {
    const places = [...data.keys()].sort((a, b) => data[b]! - data[a]! || a - b);
    expect([...orderOf(map)]).toEqual(places);
    expect(orderOf(map)).toBe(orderOf(map));
  });

  it("replaces the first share of the pixels and no others", () => {
    const picture = Uint8Array.from({ length: 24 }, (_, i) => i);
    const filled = new Uint8Array(24).fill(200);
    const order = orderOf(map);
    for (const share of [0, 0.25, 0.6, 1]) {
      const out = new Uint32Array(8);
      ablate(picture, filled, order, share, out);
      const bytes = new Uint8Array(out.buffer);
      const gone = new Set([...order].slice(0, Math.round(share * 8)));
      for (let p = 0; p < 8; p++)
        expect([...bytes.subarray(4 * p, 4 * p + 4)]).toEqual(
          gone.has(p) ? [200, 200, 200, 255] : [3 * p, 3 * p + 1, 3 * p + 2, 255],
        );
    }
  });

  it("reads a curve between its points", () => {
    const [x, y] = [
      [0, 0.25, 1],
      [4, 2, -1],
    ];
    for (const at of [0, 0.1, 0.25, 0.9, 1]) expect(along(x, y, at)).toBeCloseTo(slow(x, y, at), 12);
  });
});

describe("strokes", () => {
  it("take places that are far enough apart, rounded and within the picture", () => {
    const stroke: Stroke = { color: "#000000", size: 0.08, points: [] };
    expect([extend(stroke, 0.123456, -2), extend(stroke, 0.1235, 0), extend(stroke, 0.5, 1.7)]).toEqual([
      true,
      false,
      true,
    ]);
    expect(stroke.points).toEqual([
      [0.1235, 0],
      [0.5, 1],
    ]);
  });

  it("end where the kernel would refuse them", () => {
    const stroke = (points: number): Stroke => ({
      color: "#000000",
      size: 0.1,
      points: Array.from({ length: points }, () => [0, 0]),
    });
    expect(full([stroke(10)])).toBeNull();
    expect(full(Array.from({ length: MOST_STROKES }, () => stroke(1)))).toMatch(/64 strokes/);
    expect(full([stroke(MOST_POINTS)])).toMatch(/points/);
  });
});

describe("hatching", () => {
  it("covers blind pixels alone, in both shades, and leaves most of them to be seen", () => {
    const blind = Uint8Array.from({ length: 60 * 60 }, (_, i) => Number(i % 60 < 30));
    const out = new Uint32Array(3600).fill(1);
    hatch(blind, 60, out);
    const touched = [...out.keys()].filter((i) => out[i] !== 1);
    expect(touched.every((i) => blind[i] === 1)).toBe(true);
    expect(new Set(touched.map((i) => out[i])).size).toBe(2);
    expect(touched.length).toBeGreaterThan(100);
    expect(touched.length).toBeLessThan(900);
  });
});
