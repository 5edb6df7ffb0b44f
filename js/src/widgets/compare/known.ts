/** What the parts of a comparison are told. */

import type { Frame, Params, Values, Welcome } from "../../live/client";
import { canonical } from "../../live/messages";
import type { LayerChoice } from "../attribution/kinds";
import type { Prediction } from "../attribution/target";

export const AXES = [
  ["baselines", "Baselines"],
  ["targets", "Targets"],
  ["layers", "Layers"],
  ["images", "Images"],
  ["models", "Models"],
] as const;
export type Axis = (typeof AXES)[number][0];
export const MOST = 8;

/** The traits that the browser writes. */
export interface Look {
  methods: readonly string[];
  by: Axis;
  columns: readonly unknown[];
  scale: "each" | "row" | "all";
  view: "map" | "blended";
  clip: number;
  colormap: string;
  measure: "rank" | "ssim" | "top";
  along: "row" | "column";
  blind: number;
  revealed: boolean;
  others: readonly string[];
}

export const USUAL: Look = {
  methods: [],
  by: "baselines",
  columns: [],
  scale: "each",
  view: "map",
  clip: 99,
  colormap: "auto",
  measure: "rank",
  along: "row",
  blind: 0,
  revealed: false,
  others: [],
};

/** What the kernel says of the grid. */
export interface Layout {
  rows: readonly string[];
  columns: readonly Column[];
  cells: readonly (readonly CellPlan[])[];
  /** What the columns are called while they are hidden; "" where nothing is hidden. */
  letters: string;
}

export interface Column {
  value: unknown;
  label: string;
  detail: string;
  control: string | null;
}

export interface CellPlan {
  wish: Params | null;
  says: string;
}

export interface Known {
  welcome: Welcome;
  values: Values;
  look: Look;
  layout: Layout;
  layers: readonly LayerChoice[];
  top: readonly Prediction[];
}

/** Whether the columns may not be told apart yet. */
export function hidden({ layout, look }: Pick<Known, "layout" | "look">): boolean {
  return layout.letters !== "" && !look.revealed;
}

export function columnName(known: Pick<Known, "layout" | "look">, index: number): string {
  if (hidden(known)) return known.layout.letters[index] ?? "";
  return known.layout.columns[index]?.label ?? "";
}

export function methodName(welcome: Welcome, name: string): string {
  return welcome.methods.find((one) => one.name === name)?.label ?? name;
}

/** Which cell shows what is selected; the first where none does. */
export function selectedCell({ layout, values, look }: Known): { row: number; column: number } {
  const now: Partial<Record<Axis, unknown>> = {
    targets: values.target,
    baselines: values.baseline,
    layers: values.layer,
    images: values.image,
  };
  const here = canonical(now[look.by] ?? null);
  const real = layout.columns.map(({ control, value }) => (control === null ? canonical(value) : null));
  const column = real.indexOf(here);
  const first = real.findIndex((one) => one !== null);
  return { row: Math.max(0, layout.rows.indexOf(values.method)), column: column < 0 ? first : column };
}

/** The params of topic "grid". */
export function gridWish(values: Values, look: Look): Params | null {
  if (look.methods.length === 0) return null;
  const { channel: _, ...kept } = values;
  const { methods, by, columns, blind } = look;
  return { ...kept, methods, by, columns, blind };
}

export type { Frame, Params, Values, Welcome };
