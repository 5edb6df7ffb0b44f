/** What the sweep asks of the kernel, and what it is told. */

import type { Params, Values, Welcome } from "../../live/client";
import { attributionWish, methodOf, needs } from "../attribution/wish";

export const TOPIC = { layer: "which_layer", method: "which_method" } as const;
export type Question = keyof typeof TOPIC;

/** The traits that the browser writes. */
export interface Look {
  question: Question;
  fill: string;
  scale: "shared" | "own";
}

export const USUAL: Look = { question: "layer", fill: "blur", scale: "own" };

/** A layer or a method. */
export interface Entry {
  name: string;
  /** Whether there is a map. */
  there: boolean;
  signed: boolean;
  /** The area between insertion and deletion; null where it is not known (yet). */
  score: number | null;
  /** Why there is no map; "" where nothing is wrong. */
  failure: string;
}

/** The params of the topic; null where there is nothing to ask. */
export function wishOf(welcome: Welcome, values: Values, { question, fill }: Look): Params | null {
  if (welcome.images.length === 0) return null;
  const { image, target, layer, baseline, seed } = values;
  if (question === "method") return { image, target, layer, baseline, seed, fill };
  const wish = attributionWish(welcome, values);
  if (!wish || !layered(welcome, values)) return null;
  const { layer: _, ...everywhere } = wish;
  return { ...everywhere, fill };
}

/** Whether the selected method looks at a layer. */
export function layered(welcome: Welcome, values: Values): boolean {
  return needs(methodOf(welcome, values), "layer");
}

/** "Grad-CAM" of "grad_cam"; a layer is called as it is. */
export function labelOf(welcome: Welcome, question: Question, name: string): string {
  if (question === "layer") return name;
  return welcome.methods.find((method) => method.name === name)?.label ?? name;
}

/** "+0.42", with two digits like its neighbours. */
export function scoreWords(score: number): string {
  const text = Math.abs(score).toFixed(2);
  if (Number(text) === 0) return text;
  return `${score < 0 ? "−" : "+"}${text}`;
}
