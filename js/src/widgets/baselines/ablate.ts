/** Taking the strongest pixels of a map away: the order and the picture, as `metrics/faithfulness.py` has them. */

import type { Plane } from "../../draw/plane";

const orders = new WeakMap<Plane, Uint32Array>();
const LEVELS = 2 ** 16;

/**
 * Places of a 16-bit map, the largest signed value first, of equal ones the earlier first; made once a map.
 * Sorted by counting, since a comparison sort of several maps would take longer than a frame.
 */
export function orderOf(map: Plane): Uint32Array {
  const known = orders.get(map);
  if (known) return known;
  const level = (q: number) => LEVELS / 2 - 1 - q;
  const starts = new Uint32Array(LEVELS + 1);
  for (const q of map.data) starts[level(q) + 1]!++;
  for (let i = 0; i < LEVELS; i++) starts[i + 1]! += starts[i]!;
  const places = new Uint32Array(map.data.length);
  map.data.forEach((q, place) => {
    places[starts[level(q)]!++] = place;
  });
  orders.set(map, places);
  return places;
}

/** A picture `(h, w, 3)` whose first share of `order` is replaced by that of `filled`, as opaque pixels. */
export function ablate(
  picture: ArrayLike<number>,
  filled: ArrayLike<number>,
  order: ArrayLike<number>,
  share: number,
  out: Uint32Array,
): void {
  const bytes = new Uint8ClampedArray(out.buffer, out.byteOffset, out.byteLength);
  const put = (from: ArrayLike<number>, at: number) => {
    for (let c = 0; c < 3; c++) bytes[4 * at + c] = from[3 * at + c]!;
    bytes[4 * at + 3] = 255;
  };
  for (let i = 0; i < out.length; i++) put(picture, i);
  const gone = Math.round(share * order.length);
  for (let k = 0; k < gone; k++) put(filled, order[k]!);
}

/** The value of a curve at a place, linear between its points `(p,)`. */
export function along(places: ArrayLike<number>, values: ArrayLike<number>, place: number): number {
  let right = 1;
  while (right < places.length - 1 && places[right]! < place) right++;
  const [a, b] = [places[right - 1]!, places[right]!];
  const share = b > a ? Math.min(1, Math.max(0, (place - a) / (b - a))) : 0;
  return values[right - 1]! + share * (values[right]! - values[right - 1]!);
}
