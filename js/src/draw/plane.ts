/** One map looked at in place: its numbers, its size, and what the numbers stand for. */

/** An array as it came over the wire: real value = scale * (data - zero). */
export interface Tensor {
  data: Uint8Array | Int16Array | Float32Array;
  shape: number[];
  scale: number | number[];
  zero: number | number[];
}

export interface Plane {
  data: Uint8Array | Int16Array | Float32Array;
  width: number;
  height: number;
  scale: number;
  zero: number;
}

export type Sign = "both" | "positive" | "negative" | "absolute";

/** Channel `channel` of a `(c, h, w)` tensor, or the whole of an `(h, w)` one. Nothing is copied. */
export function plane(tensor: Tensor, channel = 0): Plane {
  const [height, width] = tensor.shape.slice(-2) as [number, number];
  const size = height * width;
  const first = tensor.shape.length > 2 ? channel * size : 0;
  return {
    data: tensor.data.subarray(first, first + size),
    width,
    height,
    scale: entry(tensor.scale, channel),
    zero: entry(tensor.zero, channel),
  };
}

export function entry(values: number | number[], index: number): number {
  return typeof values === "number" ? values : (values[index] ?? 0);
}

export function valueAt(map: Plane, x: number, y: number): number {
  return map.scale * (map.data[y * map.width + x]! - map.zero);
}

/** The part of a value that `sign` names; what is not finite counts as zero. */
export function signed(value: number, sign: Sign): number {
  if (!Number.isFinite(value)) return 0;
  if (sign === "both") return value;
  if (sign === "absolute") return Math.abs(value);
  return Math.max(sign === "positive" ? value : -value, 0);
}

/** Smallest and largest finite value of a map. */
export function extent(map: Plane): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const q of map.data) {
    if (q < low) low = q;
    if (q > high) high = q;
  }
  if (low > high) return [0, 0];
  const ends = [map.scale * (low - map.zero), map.scale * (high - map.zero)] as const;
  return ends[0] <= ends[1] ? [ends[0], ends[1]] : [ends[1], ends[0]];
}

/** Values in rising order, by their place. */
interface Order {
  length: number;
  at(place: number): number;
}

const orders = new WeakMap<object, Map<Sign, Order>>();

/** The part that `sign` names in rising order. Kept as long as the numbers live, so that a slider costs nothing. */
function inOrder(map: Plane, sign: Exclude<Sign, "both">): Order {
  const known = orders.get(map.data) ?? new Map<Sign, Order>();
  orders.set(map.data, known);
  let order = known.get(sign);
  if (!order) {
    const { data, scale, zero } = map;
    order = data instanceof Int16Array && zero === 0 ? counted(data, scale, sign) : sorted(map, sign);
    known.set(sign, order);
  }
  return order;
}

function sorted({ data, scale, zero }: Plane, sign: Sign): Order {
  const values = new Float64Array(data.length);
  for (let i = 0; i < values.length; i++) values[i] = signed(scale * (data[i]! - zero), sign);
  values.sort();
  return { length: values.length, at: (place) => values[place]! };
}

/** Attributions have 16 bits around zero: to count their levels is exact, and many times quicker than to sort. */
function counted(data: Int16Array, scale: number, sign: Exclude<Sign, "both">): Order {
  const below = new Uint32Array(32769);
  for (const q of data)
    below[sign === "absolute" ? Math.abs(q) : Math.max(0, sign === "positive" ? q : -q)]!++;
  for (let size = 1; size < below.length; size++) below[size]! += below[size - 1]!;
  return {
    length: data.length,
    at: (place) => {
      let [low, high] = [0, below.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (below[middle]! > place) high = middle;
        else low = middle + 1;
      }
      return scale * low;
    },
  };
}

/** Percentile of |values|, linear interpolation as in numpy. */
export function percentile(map: Plane, percent: number): number {
  const order = inOrder(map, "absolute");
  if (order.length === 0) return 0;
  const place = (percent / 100) * (order.length - 1);
  const left = Math.min(Math.floor(place), order.length - 1);
  const [a, b] = [order.at(left), order.at(Math.min(left + 1, order.length - 1))];
  const t = place - left;
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

/** What the two ends of the colour map stand for; the same limit whatever the sign. */
export function clipRange(map: Plane, percent: number, sign: Sign): [number, number] {
  const order = inOrder(map, "absolute");
  const limit = percentile(map, percent) || (order.length > 0 ? order.at(order.length - 1) : 0);
  return [sign === "both" ? -limit : 0, limit];
}

/** The smallest size that is among the strongest `percent` of a map: ties are in, zeros never. */
export function topThreshold(map: Plane, percent: number, sign: Sign): number {
  if (percent >= 100) return 0;
  const order = inOrder(map, sign === "both" ? "absolute" : sign);
  const count = Math.max(1, Math.floor((order.length * percent) / 100 + 0.5));
  return Math.max(order.length > 0 ? order.at(order.length - count) : 0, Number.MIN_VALUE);
}
