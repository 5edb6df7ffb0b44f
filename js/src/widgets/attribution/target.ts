/** The explained scalar, as the two fields show it: a class, and perhaps a class it is held against. */

import type { Values } from "../../live/client";
import type { Choice } from "../../ui/combobox";
import { percent } from "../../ui/number";

export type Target = Values["target"];
export type Box = readonly [number, number, number, number];

export interface Prediction {
  index: number;
  name: string;
  /** Null for what is no class. */
  probability: number | null;
  /** Of a detection: left, top, right, bottom, as shares of the picture. */
  box?: Box | null;
  /** The target that it stands for, where that is not the class. */
  target?: Target;
}

export const PREDICTED = "predicted";
export const NOBODY = "none";
export const OTHER = "other";

/** The keys of the two fields. A target that is no class (a neuron, a channel) is "other". */
export function keysOf(target: Target): { main: string; versus: string } {
  if (target === null || target === undefined) return { main: PREDICTED, versus: NOBODY };
  if (typeof target === "number") return { main: String(target), versus: NOBODY };
  if (target.kind === "margin") return { main: String(target.index), versus: String(target.other) };
  if (target.kind === "class" || target.kind === "segment")
    return { main: String(target.index), versus: NOBODY };
  return { main: OTHER, versus: NOBODY };
}

/** The target that a prediction stands for. */
export function meantBy({ index, target }: Prediction): Target {
  return target ?? index;
}

/** The target that two fields name. A margin needs a class of its own: "predicted" becomes the class it is now. */
export function targetOf(main: string, versus: string, predicted: number | null, before: Target): Target {
  if (main === OTHER) return before;
  const index = main === PREDICTED ? null : Number(main);
  if (versus === NOBODY) return index;
  const own = index ?? predicted;
  if (own === null || own === Number(versus)) return index;
  return { kind: "margin", index: own, other: Number(versus) };
}

export function classChoices(classes: readonly string[] | null, top: readonly Prediction[]): Choice[] {
  if (classes) return classes.map((label, i) => ({ key: String(i), label, detail: String(i) }));
  return top.map(({ index, name }) => ({ key: String(index), label: name, detail: String(index) }));
}

/** What stands first in the target's list: the predicted class, then the likeliest ones. */
export function mainFirst(top: readonly Prediction[]): Choice[] {
  const best = top[0];
  const predicted = {
    key: PREDICTED,
    label: best ? `Predicted: ${best.name}` : "Predicted class",
    detail: chance(best),
  };
  return [predicted, ...likely(top)];
}

export function versusFirst(top: readonly Prediction[]): Choice[] {
  return [{ key: NOBODY, label: "No other class" }, ...likely(top)];
}

function likely(top: readonly Prediction[]): Choice[] {
  return top.map(({ index, name, probability }) => ({
    key: String(index),
    label: name,
    detail: chance({ probability }),
  }));
}

function chance(of: Pick<Prediction, "probability"> | undefined): string | undefined {
  return typeof of?.probability === "number" ? percent(of.probability) : undefined;
}
