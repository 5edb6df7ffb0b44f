/** Colour maps: the one file both languages read, and its 256 colours by the rule of `render.py`. */

import maps from "../../../xai_widgets/colormaps.json";

export interface Colormap {
  kind: string;
  label: string;
  /** "rrggbb", separated by spaces: in numbers they would take twice the room in every bundle. */
  stops: string;
}

const MAPS: Record<string, Colormap> = maps;
const luts = new Map<string, Uint8ClampedArray>();
const tables = new Map<string, Uint32Array>();

/** Names in the order in which an interface offers them. */
export const colormapNames: readonly string[] = Object.keys(MAPS);

/** The colour map of this name; an unknown name, which only bad state can bring, takes the first. */
export function colormap(name: string): Colormap {
  return MAPS[name] ?? (MAPS[colormapNames[0]!] as Colormap);
}

/** The colours between which the map's own lie, as "rrggbb". */
export function stopsOf(name: string): string[] {
  return colormap(name).stops.split(" ");
}

export function isDiverging(name: string): boolean {
  return colormap(name).kind === "diverging";
}

/** `(256, 3)` integers, flat. Entry i lies at i / 255 between the stops, rounded half up. */
export function lut(name: string): Uint8ClampedArray {
  const known = luts.get(name);
  if (known) return known;
  const stops = stopsOf(name).map((stop) => [16, 8, 0].map((shift) => (parseInt(stop, 16) >> shift) & 255));
  const colours = new Uint8ClampedArray(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const left = Math.min(Math.floor(place), stops.length - 2);
    const fraction = place - left;
    for (let c = 0; c < 3; c++) {
      const [a, b] = [stops[left]![c]!, stops[left + 1]![c]!];
      colours[3 * i + c] = Math.floor(a + (b - a) * fraction + 0.5);
    }
  }
  luts.set(name, colours);
  return colours;
}

/** The same 256 colours as opaque pixels in the byte order of an `ImageData` seen as 32-bit words. */
export function table(name: string): Uint32Array {
  const known = tables.get(name);
  if (known) return known;
  const colours = lut(name);
  const words = new Uint32Array(256);
  const bytes = new Uint8Array(words.buffer);
  for (let i = 0; i < 256; i++) {
    bytes.set(colours.subarray(3 * i, 3 * i + 3), 4 * i);
    bytes[4 * i + 3] = 255;
  }
  tables.set(name, words);
  return words;
}

/** A CSS gradient of the colour map, for the bar that shows the scale. */
export function gradient(name: string, direction = "to right"): string {
  const colours = stopsOf(name).map((stop) => `#${stop}`);
  return `linear-gradient(${direction}, ${colours.join(", ")})`;
}
