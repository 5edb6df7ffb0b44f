import { describe, expect, it } from "vitest";
import { boxOf, hit, layoutRows, layoutTiles, move, order, reveal, visible } from "../../src/draw/grid";
import { centred, channelRange, contain, layerRange, rowAxis } from "../../src/draw/tiles";
import { cellBox } from "../../src/widgets/features/inspector";

const grid = layoutTiles(2048, 456, { tile: 72, caption: 16 });

describe("the grid", () => {
  it("fills the width with whole tiles, flush on both sides", () => {
    expect(grid.columns).toBe(5);
    expect(grid.mapWidth).toBeGreaterThanOrEqual(72);
    const last = boxOf(grid, grid.columns - 1);
    expect(456 - (last.x + last.width)).toBeLessThan(grid.columns);
    expect(grid.rows).toBe(Math.ceil(2048 / 5));
  });

  it("does not blow up a few maps, and keeps their proportions", () => {
    expect(layoutTiles(3, 1400, { tile: 72 }).mapWidth).toBe(72);
    const wide = layoutTiles(64, 456, { tile: 72, aspect: 0.5 });
    expect(wide.mapHeight).toBe(Math.round(wide.mapWidth / 2));
    expect(layoutTiles(4, 20, { tile: 72 }).columns).toBe(1);
  });

  it("hits the tile that was drawn there, its caption too, and nothing in a gap", () => {
    for (const place of [0, 4, 5, 777, 2047]) {
      const box = boxOf(grid, place);
      expect(hit(grid, box.x + 1, box.y + 1)).toBe(place);
      expect(hit(grid, box.x + box.width - 1, box.y + box.height + 10)).toBe(place);
      expect(hit(grid, box.x + box.width + 2, box.y + 1)).toBe(-1);
    }
    expect(hit(grid, -1, 5)).toBe(-1);
    expect(hit(grid, 5, grid.height + 50)).toBe(-1);
    const beyond = boxOf(grid, 2048);
    expect(hit(grid, beyond.x + 2, beyond.y + 2)).toBe(-1);
  });

  it("knows which of thousands are in the window, and no more than that", () => {
    const step = grid.cellHeight + grid.gap;
    expect(visible(grid, 0, 500)[0]).toBe(0);
    const [first, last] = visible(grid, 40 * step + 5, 500);
    expect(first).toBe(40 * grid.columns);
    expect(last - first).toBeLessThanOrEqual((Math.ceil(500 / step) + 1) * grid.columns);
    expect(visible(grid, grid.height - 10, 500)[1]).toBe(2048);
    expect(visible(layoutTiles(0, 456, { tile: 72 }), 0, 500)).toEqual([0, 0]);
  });

  it("moves by keys and holds at the edges", () => {
    const to = (place: number, key: string) => move(grid, place, key, 500);
    expect(to(7, "ArrowRight")).toBe(8);
    expect(to(7, "ArrowDown")).toBe(12);
    expect(to(7, "ArrowUp")).toBe(2);
    expect(to(2, "ArrowUp")).toBe(2);
    expect(to(0, "ArrowLeft")).toBe(0);
    expect(to(2046, "ArrowDown")).toBe(2047);
    expect(to(7, "Home")).toBe(0);
    expect(to(7, "End")).toBe(2047);
    expect(to(0, "PageDown")).toBe(5 * Math.floor(500 / (grid.cellHeight + grid.gap)));
    expect(to(0, "x")).toBeNull();
    expect(move(layoutTiles(0, 456, { tile: 72 }), 0, "End", 500)).toBeNull();
  });

  it("scrolls no further than it must", () => {
    const rows = layoutRows(1000, 400, 20);
    expect(reveal(rows, 3, 0, 200)).toBe(0);
    expect(reveal(rows, 10, 0, 200)).toBe(20);
    expect(reveal(rows, 2, 100, 200)).toBe(40);
  });
});

describe("order", () => {
  it("falls, equal ones by index, what is no number last", () => {
    expect([...order(5, [1, 3, Number.NaN, 3, -2])]).toEqual([1, 3, 0, 4, 2]);
    expect([...order(3)]).toEqual([0, 1, 2]);
    expect([...order(3, [Number.NaN, Number.NaN, 1])]).toEqual([2, 0, 1]);
  });
});

describe("scales", () => {
  const maps = {
    data: Uint8Array.of(0, 255, 0, 255, 1, 1),
    shape: [3, 1, 2],
    scale: [0.01, 0.1, 3],
    zero: [0, 100, 0],
  };
  it("one a map, one a layer, and constant maps at their value", () => {
    expect(channelRange(maps, 0)).toEqual([0, 2.5500000000000003]);
    expect(channelRange(maps, 2)).toEqual([3, 3]);
    expect(layerRange(maps)).toEqual([-10, 15.5]);
    expect(layerRange({ ...maps, data: new Uint8Array(0), shape: [0, 1, 2] })).toEqual([0, 0]);
  });
  it("a diverging colour map stands around zero", () => {
    expect(centred([-2, 5], "blue-red")).toEqual([-5, 5]);
    expect(centred([-2, 5], "viridis")).toEqual([-2, 5]);
  });
  it("the bars of a vector share an axis", () => {
    const axis = rowAxis(700, [-1, 3, Number.NaN]);
    expect(axis.zero - axis.left).toBeCloseTo(axis.unit, 9);
    expect(axis.zero + 3 * axis.unit).toBeLessThan(700);
    expect(rowAxis(700, [0, 0]).unit).toBeGreaterThan(0);
  });
});

it("a cell of a map is its share of the image", () => {
  expect(cellBox({ x: 3, y: 1 }, 7, 14, 224, 224)).toEqual({ x: 96, y: 16, width: 32, height: 16 });
  expect(contain(2, 1, { x: 0, y: 0, width: 100, height: 100 })).toEqual({
    x: 0,
    y: 25,
    width: 100,
    height: 50,
  });
});
