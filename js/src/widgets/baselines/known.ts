/** What the parts of the lab are told, and what each tab asks of the kernel. */

import type { Frame, Params, Values, Welcome } from "../../live/client";
import type { Evidence } from "../../ui/evidence";
import type { Spot } from "../../ui/pane";
import { complete } from "../../ui/parameters";
import type { Prediction } from "../attribution/target";
import { baselineValue } from "../attribution/wish";

export const TABS = ["path", "compare", "references", "ablation"] as const;
export type TabName = (typeof TABS)[number];
/** Integrated gradients are what a baseline is for. */
export const METHOD = "integrated_gradients";
export const NODES = 33;
export const MOST = 8;
export const DISTRIBUTION = "distribution";

/** The traits that the browser writes. */
export interface Look {
  tab: TabName;
  alpha: number;
  baselines: readonly Params[];
  source: string;
  count: number;
  shown_count: number;
  fill: string;
  share: number;
  scale: "shared" | "own";
  clip: number;
  colormap: string;
  selected: number;
}

export const USUAL: Look = {
  tab: "path",
  alpha: 0.5,
  baselines: [],
  source: "images",
  count: 16,
  shown_count: 0,
  fill: "mean",
  share: 0.1,
  scale: "shared",
  clip: 99,
  colormap: "auto",
  selected: -1,
};

export type Topic = TabName | "baseline" | "input";

export interface Known {
  welcome: Welcome;
  values: Values;
  look: Look;
  /** The newest frame of each topic, which may be older than what is wished. */
  frames: ReadonlyMap<string, Frame>;
  top: readonly Prediction[];
}

export interface Actions {
  select(values: Partial<Values>): void;
  look(changes: Partial<Look>): void;
  point(spot: Spot | null): void;
}

/** What the four tabs have in common. */
export interface Tab {
  readonly element: HTMLElement;
  show(known: Known): void;
  /** The same pixel is pointed at in every picture. */
  point(spot: Spot | null): void;
  /** Move the tab's slider by a key; whether it knows the key. */
  key(event: KeyboardEvent): boolean;
  /** What speaks for what is shown. */
  evidence(frame: Frame): Evidence | null;
  /** Leave what lies over the tab; whether there was something. */
  escape?(): boolean;
}

export function chosen(welcome: Welcome, values: Values): Params {
  return baselineValue(welcome, { ...values, method: METHOD }) ?? {};
}

/** A compared baseline with all its parameters, so that one wish has one key. */
export function inFull(welcome: Welcome, baseline: Params): Params {
  const schema = welcome.baselines.find(({ name }) => name === baseline.name);
  return schema ? { name: schema.name, ...complete(schema.params, baseline) } : baseline;
}

/** The params of a topic; null where there is nothing to ask. */
export function wishOf(topic: Topic, welcome: Welcome, values: Values, look: Look): Params | null {
  const { image, target, seed } = values;
  if (welcome.images.length === 0) return null;
  if (topic === "input") return { image };
  const baseline = chosen(welcome, values);
  if (topic === "baseline") return { image, baseline };
  const asked = { image, target, seed };
  const baselines = look.baselines.map((one) => inFull(welcome, one));
  switch (topic) {
    case "path":
      return { ...asked, baseline, nodes: NODES };
    case "references":
      return { ...asked, source: look.source, count: look.count };
    case "compare":
      return baselines.length > 0 ? { ...asked, baselines } : null;
    default:
      return baselines.length > 0 ? { ...asked, baselines, fill: look.fill } : null;
  }
}
