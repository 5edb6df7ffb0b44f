/**
 * The straight path from a baseline to an image, from what is known at its nodes.
 *
 * Between two nodes a value is taken as linear, before the first and after the last as constant, as
 * `explain/trajectory.py` does. Whatever is looked at is then a weighted sum over the nodes.
 */

import type { Plane, Tensor } from "../../draw/plane";
import { entry } from "../../draw/plane";

type Numbers = ArrayLike<number>;

/** Weights `(n,)` that make the value at α out of those at the nodes. */
export function weightsAt(nodes: Numbers, alpha: number): Float64Array {
  const weights = new Float64Array(nodes.length);
  const last = nodes.length - 1;
  let right = 0;
  while (right < last && nodes[right]! < alpha) right++;
  const left = Math.max(0, right - 1);
  const width = nodes[right]! - nodes[left]!;
  const share = width > 0 ? Math.min(1, Math.max(0, (alpha - nodes[left]!) / width)) : 1;
  weights[left]! += 1 - share;
  weights[right]! += share;
  return weights;
}

/** Weights `(n,)` that make the integral from 0 to α out of the values at the nodes. */
export function weightsUpTo(nodes: Numbers, alpha: number): Float64Array {
  const weights = new Float64Array(nodes.length);
  const last = nodes.length - 1;
  if (last < 0) return weights;
  weights[0]! += Math.min(alpha, nodes[0]!);
  for (let i = 0; i < last; i++) {
    const width = nodes[i + 1]! - nodes[i]!;
    const share = Math.min(1, Math.max(0, (alpha - nodes[i]!) / width));
    weights[i]! += width * (share - share ** 2 / 2);
    weights[i + 1]! += (width * share ** 2) / 2;
  }
  weights[last]! += Math.max(0, alpha - nodes[last]!);
  return weights;
}

export function dot(weights: Numbers, values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) sum += weights[i]! * values[i]!;
  return sum;
}

/** The weighted sum of maps `(n, h, w)`, written into `out`. */
export function mix(maps: Tensor, weights: Numbers, out: Float32Array): Plane {
  const [height, width] = maps.shape.slice(-2) as [number, number];
  const size = height * width;
  out.fill(0);
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]! * entry(maps.scale, i);
    if (weight === 0) continue;
    const [zero, start] = [entry(maps.zero, i), i * size];
    const { data } = maps;
    for (let p = 0; p < size; p++) out[p]! += weight * (data[start + p]! - zero);
  }
  return { data: out, width, height, scale: 1, zero: 0 };
}

/** What each map adds up to, `(n,)`. */
export function totals(maps: Tensor): Float64Array {
  const [height, width] = maps.shape.slice(-2) as [number, number];
  const size = height * width;
  return Float64Array.from({ length: maps.shape[0] ?? 0 }, (_, i) => {
    let sum = 0;
    for (let p = i * size; p < (i + 1) * size; p++) sum += maps.data[p]!;
    return entry(maps.scale, i) * (sum - size * entry(maps.zero, i));
  });
}

/** All maps of a tensor with one scale and zero 0 as one: one colour scale for whatever α is looked at. */
export function pooled({ data, scale }: Tensor): Plane {
  return { data, width: data.length, height: 1, scale: entry(scale, 0), zero: 0 };
}

/** The picture at α, `(h, w, 3)` both, as opaque pixels. */
export function blend(reference: Numbers, picture: Numbers, alpha: number, out: Uint32Array): void {
  const bytes = new Uint8ClampedArray(out.buffer, out.byteOffset, out.byteLength);
  for (let i = 0, p = 0, o = 0; i < out.length; i++, o++) {
    for (let c = 0; c < 3; c++, p++, o++)
      bytes[o] = Math.floor((1 - alpha) * reference[p]! + alpha * picture[p]! + 0.5);
    bytes[o] = 255;
  }
}
