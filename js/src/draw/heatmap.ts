/** Numbers to pixels, and pictures with maps laid over them: the rules of `render.py`. */

import { lut, table } from "./colormap";
import { clipRange, type Plane, type Sign, signed, topThreshold } from "./plane";

/** How a map is painted. `colormap` "auto" takes the one that suits the sign. */
export interface Look {
  colormap: string;
  clip: number;
  sign: Sign;
}

export type Blend = "blended" | "overlay";
const GAMMA = 0.7;

/** Diverging for both signs, sequential for one. */
export function defaultColormap(sign: Sign): string {
  return sign === "both" ? "blue-red" : "inferno";
}

function colormapOf(look: Look): string {
  return look.colormap === "auto" ? defaultColormap(look.sign) : look.colormap;
}

/** The entry of a colour map for a value: 0 to 255, the middle where the range is empty. */
export function indexOf(value: number, low: number, high: number, middle = false): number {
  if (!(high > low)) return middle ? 128 : 0;
  return Math.min(255, Math.max(0, Math.floor(((value - low) / (high - low)) * 255 + 0.5)));
}

/** The 256 pixels of an 8-bit map: painting is then one look-up a pixel. */
function byteTable(map: Plane, colours: Uint32Array, low: number, high: number, sign: Sign): Uint32Array {
  const pixels = new Uint32Array(256);
  for (let q = 0; q < 256; q++) {
    const value = signed(map.scale * (q - map.zero), sign);
    pixels[q] = colours[indexOf(value, low, high, sign === "both")]!;
  }
  return pixels;
}

/** Paint a map between two values into 32-bit pixels, row by row from `first`, `stride` a row. */
export function paint(
  map: Plane,
  colormap: string,
  [low, high]: readonly [number, number],
  out: Uint32Array,
  { sign = "both", first = 0, stride = map.width }: { sign?: Sign; first?: number; stride?: number } = {},
): void {
  const colours = table(colormap);
  const { data, width, height, scale, zero } = map;
  const pixels = data instanceof Uint8Array ? byteTable(map, colours, low, high, sign) : null;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, o = first + y * stride; x < width; x++, i++, o++) {
      const q = data[i]!;
      out[o] = pixels
        ? pixels[q]!
        : colours[indexOf(signed(scale * (q - zero), sign), low, high, sign === "both")]!;
    }
  }
}

/** Paint a whole map by its look, on its own range or on one that several maps share. */
export function colorize(map: Plane, look: Look, out: Uint32Array, limits?: readonly [number, number]): void {
  const range = limits ?? clipRange(map, look.clip, look.sign);
  paint(map, colormapOf(look), range, out, { sign: look.sign });
}

/** An `(h, w, 3)` picture as opaque pixels. */
export function paintPicture(picture: ArrayLike<number>, out: Uint32Array): void {
  const bytes = new Uint8ClampedArray(out.buffer, out.byteOffset, out.byteLength);
  for (let i = 0, p = 0, o = 0; i < out.length; i++) {
    bytes[o++] = picture[p++]!;
    bytes[o++] = picture[p++]!;
    bytes[o++] = picture[p++]!;
    bytes[o++] = 255;
  }
}

/** Leave only the strongest `top` percent of a painted map; the rest becomes clear. */
export function maskTop(map: Plane, top: number, sign: Sign, out: Uint32Array): void {
  if (top >= 100) return;
  const threshold = topThreshold(map, top, sign);
  for (let i = 0; i < out.length; i++) {
    const size = Math.abs(signed(map.scale * (map.data[i]! - map.zero), sign));
    if (size < threshold) out[i] = 0;
  }
}

/** How much of each pixel a map covers at full opacity, 0 to 1, and with which entry of the colour map. */
interface Cover {
  of: Plane["data"] | null;
  key: string;
  weights: Float64Array;
  entries: Uint8Array;
}

let last: Cover = { of: null, key: "", weights: new Float64Array(0), entries: new Uint8Array(0) };

/** The last one is kept: dragging the opacity then only mixes, also where the map is large. */
function coverOf(
  map: Plane,
  { clip, sign, blend, top }: Look & { blend: Blend; top: number },
  limits: readonly [number, number] | undefined,
): Cover {
  const [low, high] = limits ?? clipRange(map, clip, sign);
  const key = [low, high, sign, blend, top, map.scale, map.zero].join();
  if (last.of === map.data && last.key === key) return last;
  const threshold = topThreshold(map, top, sign);
  const count = map.data.length;
  const fits = last.weights.length === count;
  const weights = fits ? last.weights : new Float64Array(count);
  const entries = fits ? last.entries : new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const value = signed(map.scale * (map.data[i]! - map.zero), sign);
    const size = Math.abs(value);
    const share = high > 0 ? Math.min(1, size / high) : 0;
    weights[i] = size < threshold ? 0 : blend === "blended" ? share ** GAMMA : 1;
    entries[i] = indexOf(value, low, high, sign === "both");
  }
  last = { of: map.data, key, weights, entries };
  return last;
}

/**
 * Lay a map over a picture `(h, w, 3)` of its own size.
 *
 * "blended": alpha = opacity * min(1, |v| / limit) ** 0.7, so that strong values cover and weak ones let
 * the picture through. "overlay": the same alpha everywhere. Outside the top percent it stays clear.
 */
export function overlay(
  picture: ArrayLike<number>,
  map: Plane,
  look: Look & { opacity: number; blend: Blend; top: number },
  out: Uint32Array,
  limits?: readonly [number, number],
): void {
  const { weights, entries } = coverOf(map, look, limits);
  const colours = lut(colormapOf(look));
  const bytes = new Uint8ClampedArray(out.buffer, out.byteOffset, out.byteLength);
  for (let i = 0, p = 0, o = 0; i < out.length; i++, p += 3, o += 4) {
    const alpha = look.opacity * weights[i]!;
    const c = 3 * entries[i]!;
    for (let k = 0; k < 3; k++) {
      bytes[o + k] = Math.floor(picture[p + k]! * (1 - alpha) + colours[c + k]! * alpha + 0.5);
    }
    bytes[o + 3] = 255;
  }
}
