/** Painting the visible tiles of a grid, and the rows of a vector, into one canvas. */

import { isDiverging } from "./colormap";
import { type Box, boxOf, type Grid } from "./grid";
import { paint } from "./heatmap";
import { extent, type Plane, plane, type Tensor } from "./plane";
import { drawScaled, pixelRatio, type Scratch } from "./surface";

export type Range = readonly [number, number];

const extents = new WeakMap<object, Map<number, Range>>();

/** Smallest and largest value of a channel, found once. */
export function channelRange(maps: Tensor, channel: number): Range {
  const known = extents.get(maps.data) ?? new Map<number, Range>();
  extents.set(maps.data, known);
  const found = known.get(channel) ?? extent(plane(maps, channel));
  known.set(channel, found);
  return found;
}

/** Smallest and largest value of all channels. */
export function layerRange(maps: Tensor): Range {
  let [low, high] = [Infinity, -Infinity];
  for (let c = 0; c < (maps.shape[0] ?? 0); c++) {
    const range = channelRange(maps, c);
    low = Math.min(low, range[0]);
    high = Math.max(high, range[1]);
  }
  return low <= high ? [low, high] : [0, 0];
}

/** The range a colour map is laid over: around zero for a diverging one, so that zero has its middle. */
export function centred([low, high]: Range, colormap: string): Range {
  // A map of one value has no range: it takes the first colour, as a dead unit should look.
  if (!isDiverging(colormap)) return [low, high > low ? high : low + 1];
  const limit = Math.max(Math.abs(low), Math.abs(high));
  return [-limit, limit];
}

export interface TilePainting {
  maps: Tensor;
  grid: Grid;
  /** Channel at each place. */
  order: ArrayLike<number>;
  window: readonly [number, number];
  top: number;
  colormap: string;
  /** One range for all, or each map its own. */
  range: Range | null;
}

/** Paint a window of tiles. All maps are filled into one scratch image, put once, then drawn to their places. */
export function paintTiles(context: CanvasRenderingContext2D, scratch: Scratch, what: TilePainting): void {
  const { maps, grid, window, colormap, top } = what;
  const [first, last] = window;
  const [h, w] = maps.shape.slice(-2) as [number, number];
  const across = Math.max(1, Math.min(last - first, Math.floor(4096 / w)));
  const words = scratch.words(across * w, Math.ceil((last - first) / across) * h);
  const stride = scratch.canvas.width;
  const spots: { from: Box; to: Box }[] = [];
  for (let place = first; place < last; place++) {
    const channel = what.order[place]!;
    const [x, y] = [((place - first) % across) * w, Math.floor((place - first) / across) * h];
    const range = centred(what.range ?? channelRange(maps, channel), colormap);
    paint(plane(maps, channel), colormap, range, words, { first: y * stride + x, stride });
    const to = boxOf(grid, place);
    spots.push({ from: { x, y, width: w, height: h }, to: { ...to, y: to.y - top } });
  }
  scratch.commit(across * w, Math.ceil((last - first) / across) * h);
  const ratio = pixelRatio();
  for (const { from, to } of spots) drawScaled(context, scratch.canvas, from, to, ratio);
}

/** Paint one map as large as a box. */
export function paintOne(
  context: CanvasRenderingContext2D,
  scratch: Scratch,
  map: Plane,
  colormap: string,
  range: Range,
  to: Box,
): void {
  const words = scratch.words(map.width, map.height);
  paint(map, colormap, centred(range, colormap), words, { stride: scratch.canvas.width });
  scratch.commit(map.width, map.height);
  drawScaled(context, scratch.canvas, { x: 0, y: 0, width: map.width, height: map.height }, to);
}

/** Where a map of this aspect lies in a box when it is as large as it can be. */
export function contain(width: number, height: number, box: Box): Box {
  const scale = Math.min(box.width / width, box.height / height);
  const size = { width: width * scale, height: height * scale };
  return { x: box.x + (box.width - size.width) / 2, y: box.y + (box.height - size.height) / 2, ...size };
}

export interface RowPainting {
  values: ArrayLike<number>;
  grid: Grid;
  order: ArrayLike<number>;
  window: readonly [number, number];
  top: number;
  /** Name and number of an entry. */
  label(index: number): string;
  figure(value: number): string;
  ink: string;
  font: string;
  positive: string;
  negative: string;
  line: string;
}

/** Bars of signed values, one a row: name, bar on a common axis, number. */
export function paintRows(context: CanvasRenderingContext2D, what: RowPainting): void {
  const { grid, values } = what;
  const axis = rowAxis(grid.width, values);
  context.font = what.font;
  context.textBaseline = "middle";
  const base = what.top % 1;
  context.fillStyle = what.line;
  context.fillRect(Math.round(axis.zero) - 0.5, 0, 1, grid.height - what.top + base);
  for (let place = what.window[0]; place < what.window[1]; place++) {
    const index = what.order[place]!;
    const value = values[index]!;
    const box = boxOf(grid, place);
    const y = box.y - what.top;
    const middle = y + box.height / 2 + 0.5;
    const length = Number.isFinite(value) ? value * axis.unit : 0;
    context.fillStyle = value < 0 ? what.negative : what.positive;
    context.fillRect(
      Math.min(axis.zero, axis.zero + length),
      y + 4,
      Math.max(1, Math.abs(length)),
      box.height - 8,
    );
    context.fillStyle = what.ink;
    context.textAlign = "left";
    context.fillText(shorten(context, what.label(index), axis.left - 12), 0, middle);
    context.textAlign = "right";
    context.fillText(what.figure(value), grid.width - 4, middle);
  }
}

/** Where the bars of a vector lie: a column for names, one for numbers, the axis between them. */
export function rowAxis(
  width: number,
  values: ArrayLike<number>,
): { left: number; zero: number; unit: number } {
  let [low, high] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! < low) low = values[i]!;
    if (values[i]! > high && Number.isFinite(values[i])) high = values[i]!;
  }
  if (!Number.isFinite(low)) low = 0;
  const left = Math.min(190, width * 0.34);
  const room = Math.max(20, width - left - 64);
  const unit = room / (high - low || 1);
  return { left, zero: left - low * unit, unit };
}

function shorten(context: CanvasRenderingContext2D, text: string, room: number): string {
  if (context.measureText(text).width <= room) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > room) end -= 1;
  return `${text.slice(0, end)}…`;
}
