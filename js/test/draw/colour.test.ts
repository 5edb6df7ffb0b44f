import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { colormap, colormapNames, gradient, isDiverging, lut, table } from "../../src/draw/colormap";
import { type Blend, colorize, indexOf, maskTop, overlay, paint, paintPicture } from "../../src/draw/heatmap";
import {
  clipRange,
  extent,
  type Plane,
  percentile,
  plane,
  type Sign,
  signed,
  topThreshold,
  valueAt,
} from "../../src/draw/plane";

const golden = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../../../tests/golden", `${name}.json`), "utf-8"));

const mapOf = (rows: number[][]) =>
  plane({ data: Float32Array.from(rows.flat()), shape: [rows.length, rows[0]!.length], scale: 1, zero: 0 });
const bytes = (words: Uint32Array) => [...new Uint8Array(words.buffer)];
const rgb = (words: Uint32Array) => bytes(words).filter((_, i) => i % 4 !== 3);

describe("colour maps", () => {
  it("have the colours that Python has", () => {
    const { entries } = golden("colormaps");
    expect(entries.length).toBeGreaterThan(20);
    for (const { name, index, rgb: wanted } of entries) {
      expect([...lut(name).subarray(3 * index, 3 * index + 3)], `${name} ${index}`).toEqual(wanted);
    }
  });

  it("are the same as opaque pixels", () => {
    const pixels = new Uint8Array(table("viridis").buffer);
    expect([...pixels.subarray(4 * 51, 4 * 51 + 4)]).toEqual([65, 68, 135, 255]);
    expect(table("viridis")).toBe(table("viridis"));
  });

  it("fall back to the first where the name is unknown", () => {
    expect(colormap("no such map")).toBe(colormap(colormapNames[0]!));
    expect(isDiverging("blue-red")).toBe(true);
    expect(isDiverging("viridis")).toBe(false);
    expect(gradient("gray")).toMatch(/^linear-gradient\(to right, #/);
  });
});

describe("the overlay", () => {
  for (const one of golden("overlay").cases) {
    it(`is Python's: ${one.name}`, () => {
      const map = mapOf(one.map);
      const sign = one.sign as Sign;
      const [low, high] = clipRange(map, one.clip, sign);
      expect(high).toBeCloseTo(one.limit, 12);
      const indices = [...map.data].map((v) => indexOf(signed(v, sign), low, high, sign === "both"));
      expect(indices).toEqual(one.index.flat());
      const out = new Uint32Array(map.data.length);
      const { opacity, colormap: name, clip, top } = one;
      const look = { opacity, colormap: name, clip, sign, top, blend: one.mode as Blend };
      overlay(one.picture.flat(2), map, look, out);
      expect(rgb(out)).toEqual(one.overlay.flat(2));
    });
  }
});

describe("an overlay that is painted again", () => {
  const values = [0, -1, 3, 2, -4, 0.5];
  const picture = Array.from({ length: 18 }, (_, i) => 14 * i);
  const usual = {
    colormap: "auto",
    clip: 99,
    sign: "both" as Sign,
    top: 100,
    blend: "blended" as Blend,
    opacity: 0.5,
  };
  const painted = (map: Plane, change: object, limits?: [number, number]) => {
    const out = new Uint32Array(6);
    overlay(picture, map, { ...usual, ...change }, out, limits);
    return rgb(out);
  };
  const changes = [{ opacity: 0.9 }, { clip: 60 }, { sign: "negative" }, { top: 40 }, { blend: "overlay" }];

  it("shows each change as if it were the first", () => {
    const map = mapOf([values]);
    for (const change of [...changes, { colormap: "inferno" }]) {
      painted(map, {});
      expect(painted(map, change)).toEqual(painted(mapOf([values]), change));
      expect(painted(map, change)).not.toEqual(painted(map, {}));
    }
    expect(painted(map, {}, [-9, 9])).toEqual(painted(mapOf([values]), {}, [-9, 9]));
  });

  it("of another map of that size is the other's", () => {
    const [one, other] = [mapOf([values]), mapOf([[...values].reverse()])];
    const before = painted(one, {});
    expect(painted(other, {})).not.toEqual(before);
    expect(painted(one, {})).toEqual(before);
  });
});

describe("numbers of a map", () => {
  it("percentiles interpolate as numpy's do", () => {
    const map = mapOf([[4, -1, 3, -2]]);
    expect(percentile(map, 0)).toBe(1);
    expect(percentile(map, 50)).toBe(2.5);
    expect(percentile(map, 90)).toBeCloseTo(3.7, 12);
    expect(percentile(map, 100)).toBe(4);
    expect(percentile(mapOf([[7]]), 99)).toBe(7);
  });

  it("a map that is zero up to the percentile takes its maximum, and all zeros have no range", () => {
    expect(clipRange(mapOf([[0, 0, 0, 0, 5]]), 50, "positive")).toEqual([0, 5]);
    expect(clipRange(mapOf([[0, 0]]), 99, "both")).toEqual([-0, 0]);
  });

  it("16 bits are counted to what sorting gives", () => {
    const data = Int16Array.from({ length: 999 }, (_, i) => ((i * 7919) % 401) - 150);
    data.set([32767, -32767, 0, 0]);
    const counted = { data, width: 999, height: 1, scale: 0.25, zero: 0 };
    const sorted = { ...counted, data: Float32Array.from(data) };
    for (const percent of [0, 12.34, 50, 99, 100]) {
      expect(percentile(counted, percent)).toBe(percentile(sorted, percent));
      for (const sign of ["both", "positive", "negative", "absolute"] as const) {
        expect(clipRange(counted, percent, sign)).toEqual(clipRange(sorted, percent, sign));
        expect(topThreshold(counted, percent, sign)).toBe(topThreshold(sorted, percent, sign));
      }
    }
  });

  it("signs keep their part, and what is no number is zero", () => {
    const all: [Sign, number[]][] = [
      ["both", [-2, 3]],
      ["positive", [0, 3]],
      ["negative", [2, 0]],
      ["absolute", [2, 3]],
    ];
    for (const [sign, wanted] of all) expect([-2, 3].map((v) => signed(v, sign))).toEqual(wanted);
    expect(signed(Number.NaN, "both")).toBe(0);
    expect(signed(-Infinity, "absolute")).toBe(0);
  });

  it("the top percent takes ties in and leaves zeros out", () => {
    const map = mapOf([[3, -3, 1, 0]]);
    expect(topThreshold(map, 25, "both")).toBe(3);
    expect(topThreshold(map, 100, "both")).toBe(0);
    expect(topThreshold(mapOf([[0, 0, 0, 1]]), 75, "both")).toBeGreaterThan(0);
    expect(topThreshold(map, 25, "negative")).toBe(3);
    const out = Uint32Array.of(9, 9, 9, 9);
    maskTop(map, 25, "both", out);
    expect([...out]).toEqual([9, 9, 0, 0]);
  });

  it("a channel is looked at in place, with its own scale", () => {
    const data = Uint8Array.of(0, 255, 10, 20, 30, 40);
    const tensor = { data, shape: [3, 1, 2], scale: [1, 2, 0.5], zero: [0, 10, 0] };
    const map = plane(tensor, 1);
    expect(map.data.buffer).toBe(data.buffer);
    expect([valueAt(map, 0, 0), valueAt(map, 1, 0)]).toEqual([0, 20]);
    expect(extent(map)).toEqual([0, 20]);
    expect(extent({ ...map, scale: -2 })).toEqual([-20, -0]);
    expect(extent(mapOf([[Number.NaN]]))).toEqual([0, 0]);
  });
});

describe("painting", () => {
  it("bytes and floats of the same numbers have the same pixels, wherever they go", () => {
    const levels = Uint8Array.of(0, 64, 128, 255);
    const small = plane({ data: levels, shape: [2, 2], scale: 0.5, zero: 64 });
    const real = mapOf([
      [-32, 0],
      [32, 95.5],
    ]);
    const [a, b] = [new Uint32Array(4), new Uint32Array(4)];
    paint(small, "viridis", [-32, 95.5], a);
    paint(real, "viridis", [-32, 95.5], b);
    expect([...a]).toEqual([...b]);
    expect(a[0]).toBe(table("viridis")[0]);
    expect(a[3]).toBe(table("viridis")[255]);
    const wide = new Uint32Array(12);
    paint(small, "viridis", [-32, 95.5], wide, { first: 5, stride: 4 });
    expect([wide[5], wide[6], wide[9], wide[10]]).toEqual([...a]);
    expect(wide[4]).toBe(0);
  });

  it("a constant map has the middle of a signed map and the low end of an unsigned one", () => {
    const zero = mapOf([[0, 0]]);
    const out = new Uint32Array(2);
    colorize(zero, { colormap: "auto", clip: 99, sign: "both" }, out);
    expect(out[0]).toBe(table("blue-red")[128]);
    colorize(zero, { colormap: "auto", clip: 99, sign: "absolute" }, out);
    expect(out[0]).toBe(table("inferno")[0]);
  });

  it("pictures are opaque", () => {
    const out = new Uint32Array(1);
    paintPicture([1, 2, 3], out);
    expect(bytes(out)).toEqual([1, 2, 3, 255]);
  });
});
