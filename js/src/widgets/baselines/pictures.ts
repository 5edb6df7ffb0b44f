/** Painting pictures and maps into panes, with one scale where they are compared. */

import { colorize, paintPicture } from "../../draw/heatmap";
import { clipRange, type Plane, type Sign, type Tensor, valueAt } from "../../draw/plane";
import type { Pane, Spot } from "../../ui/pane";

/** A picture `(h, w, 3)` in a pane, and perhaps something over it. */
export function showPicture(
  pane: Pane,
  picture: Tensor | undefined,
  over?: (out: Uint32Array) => void,
): void {
  if (!picture) {
    pane.clear();
    return;
  }
  const [height, width] = picture.shape as [number, number];
  pane.draw(width, height, (out) => {
    paintPicture(picture.data, out);
    over?.(out);
  });
}

/** A map in a pane, its colours ending at `limit`. */
export function showMap(
  pane: Pane,
  map: Plane | null,
  limit: number,
  look: { colormap: string; clip: number },
  sign: Sign = "both",
): void {
  if (!map) {
    pane.clear();
    return;
  }
  const range = [sign === "both" ? -limit : 0, limit] as const;
  pane.draw(map.width, map.height, (out) => colorize(map, { ...look, sign }, out, range));
}

/** What the end colours of maps stand for that share a scale: the largest of their own limits. */
export function sharedLimit(maps: readonly (Plane | null)[], clip: number): number {
  return Math.max(0, ...maps.map((map) => (map ? clipRange(map, clip, "both")[1] : 0)));
}

/** The value of a map under a pixel of the picture, which may have more pixels than the map. */
export function valueUnder(map: Plane, spot: Spot, size: readonly [number, number]): number {
  const [width, height] = size;
  const x = Math.min(map.width - 1, Math.floor((spot.x * map.width) / width));
  const y = Math.min(map.height - 1, Math.floor((spot.y * map.height) / height));
  return valueAt(map, x, y);
}

/** So many columns that the rows are about full. */
export function columnsFor(count: number): number {
  return count > 6 ? 4 : count > 4 ? 3 : Math.max(2, count);
}

/** "#rrggbb" of a pixel of a picture `(h, w, 3)`. */
export function hex(data: ArrayLike<number>, pixel: number): string {
  return `#${[0, 1, 2].map((c) => data[3 * pixel + c]!.toString(16).padStart(2, "0")).join("")}`;
}
