/** What a frame of topic "maps" shows, and in which order. */

import { order } from "../../draw/grid";
import type { Tensor } from "../../draw/plane";
import type { Frame } from "../../live/client";

export type Sort = "index" | "mean" | "max" | "variance" | "score" | "value";

export interface Content {
  image: unknown;
  layer: string;
  channels: number;
  /** (c, h, w); null where the layer has no space. */
  maps: Tensor | null;
  /** (c,) of a layer without space. */
  values: ArrayLike<number> | null;
  statistics: Partial<Record<Sort, ArrayLike<number>>>;
  /** One map cell is this many cells of the layer. */
  reduced: number;
  shape: number[];
  tokens: boolean;
}

export function contentOf(frame: Frame): Content {
  const { arrays, meta, params } = frame;
  const maps = arrays.maps ?? null;
  const values = maps ? null : (arrays.values?.data ?? null);
  const statistics: Content["statistics"] = {};
  for (const name of ["mean", "max", "variance"] as const) {
    if (arrays[name]) statistics[name] = arrays[name].data;
  }
  if (values) statistics.value = values;
  return {
    image: params.image,
    layer: String(meta?.layer ?? params.layer ?? ""),
    channels: maps?.shape[0] ?? values?.length ?? 0,
    maps,
    values,
    statistics,
    reduced: Number(meta?.reduced ?? 1),
    shape: Array.isArray(meta?.shape) ? meta.shape : [],
    tokens: meta?.view === "tokens",
  };
}

/** The numbers that channels are ordered by; null for their own order, or where the numbers are still to come. */
export function keysOf(
  content: Content,
  sort: Sort,
  scores: ArrayLike<number> | null,
): ArrayLike<number> | null {
  const keys = sort === "score" ? scores : (content.statistics[sort] ?? null);
  return keys?.length === content.channels ? keys : null;
}

/** The channel at each place. */
export function orderOf(content: Content, sort: Sort, scores: ArrayLike<number> | null): Uint32Array {
  return order(content.channels, keysOf(content, sort, scores));
}

/** A layer without space is sorted by value unless told otherwise; its mean, maximum and value are one. */
export function sortsOf(content: Content | null): readonly Sort[] {
  return content?.values ? ["value", "index", "score"] : ["index", "mean", "max", "variance", "score"];
}
