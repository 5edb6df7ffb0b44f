/** The kinds of targets: which fields each has, and what it begins with. */

import type { Values, Welcome } from "../../live/client";
import { type Box, meantBy, type Prediction, type Target } from "./target";

export type FieldName = "count" | "part" | "found" | "reference" | "layer" | "channel" | "y" | "x";

/** A layer that a target or a method may look at. */
export interface LayerChoice {
  name: string;
  kind: string;
  view: string;
  channels?: number;
  grid?: [number, number] | null;
}

export interface Surroundings {
  welcome: Welcome;
  values: Values;
  top: readonly Prediction[];
  layers: readonly LayerChoice[];
}

export const KINDS: Record<string, { label: string; fields: readonly FieldName[] }> = {
  class: { label: "A class", fields: [] },
  segment: { label: "A class within a part", fields: ["part"] },
  detection: { label: "A box that was found", fields: ["found"] },
  similarity: { label: "Similarity to an image", fields: ["reference", "layer"] },
  top: { label: "The largest outputs", fields: ["count"] },
  channel: { label: "A channel of a layer", fields: ["layer", "channel"] },
  region: { label: "A region of the picture", fields: ["layer", "channel"] },
  neuron: { label: "A unit of a layer", fields: ["layer", "channel", "y", "x"] },
  position: { label: "A position of a layer", fields: ["layer", "y", "x"] },
};

export const MIDDLE: Box = [0.25, 0.25, 0.75, 0.75];

/** The kind that the fields show; where nothing is chosen, that of what is predicted. */
export function kindOf(target: Target, welcome: Welcome): string {
  if (target !== null && typeof target === "object") {
    const kind = String(target.kind);
    return kind === "margin" ? "class" : kind;
  }
  const usual = welcome.targets?.[0];
  return target === null && (usual === "segment" || usual === "detection") ? usual : "class";
}

/** The target that a kind begins with when it is chosen. */
export function fresh(kind: string, { welcome, values, top, layers }: Surroundings): Target {
  const at = layers.find(({ name }) => name === values.layer) ?? layers.at(-1);
  const layer = at?.name ?? values.layer;
  const channel = values.channel ?? 0;
  const position = (at?.grid ?? [0, 0]).map((size) => Math.floor(size / 2));
  const other = values.image === 0 && welcome.images.length > 1 ? 1 : 0;
  const first = top[0];
  const begun: Record<string, Target> = {
    segment: first ? { kind, index: first.index, box: null } : null,
    detection: first ? meantBy(first) : null,
    similarity: { kind, layer: welcome.targets?.[0] === "similarity" ? null : layer, reference: other },
    top: { kind, count: Math.min(5, welcome.classes?.length ?? 5) },
    channel: { kind, layer, channel },
    region: { kind, layer, channel, box: MIDDLE },
    neuron: { kind, layer, channel, position },
    position: { kind, layer, position },
  };
  return kind === "class"
    ? welcome.targets?.[0] === "class"
      ? null
      : (first?.index ?? 0)
    : (begun[kind] ?? null);
}

/** The box of a target, null where it has none. */
export function boxOf(target: Target): Box | null {
  const box = target !== null && typeof target === "object" ? target.box : null;
  return Array.isArray(box) && box.length === 4 ? (box as unknown as Box) : null;
}

/** Whether a person draws the box of a target. */
export function drawn(target: Target): boolean {
  return boxOf(target) !== null && (target as { kind: string }).kind !== "detection";
}
