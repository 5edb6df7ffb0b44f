/** The words spoken with the kernel: the mirror of `xai_widgets/live/messages.py`. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Params = Record<string, unknown>;

/** The one selection that every panel of a session follows. */
export interface Values {
  image: number;
  target: null | number | Record<string, unknown>;
  layer: string | null;
  channel: number | null;
  method: string;
  params: Record<string, unknown>;
  baseline: Record<string, unknown>;
  seed: number;
}

export interface ParamSchema {
  name: string;
  kind: "int" | "float" | "bool" | "choice" | "color" | "image";
  default: unknown;
  low: number | null;
  high: number | null;
  step: number | null;
  log: boolean;
  choices: string[];
  label: string;
  unit: string;
  help: string;
}

export interface MethodSchema {
  name: string;
  label: string;
  /** What it is listed under. */
  family: string;
  summary: string;
  paper: string;
  needs: string[];
  signed: boolean;
  params: ParamSchema[];
  /** The baseline it takes where none is selected. */
  baseline: Params | null;
  /** Why the method is not valid for this model; null where it is. */
  invalid: string | null;
}

export interface BaselineSchema {
  name: string;
  label: string;
  summary: string;
  params: ParamSchema[];
}

export interface ImageEntry {
  name: string;
  width: number;
  height: number;
}

export interface Welcome {
  type: "welcome";
  client: string;
  model: string;
  selection: Values;
  classes: string[] | null;
  methods: MethodSchema[];
  baselines: BaselineSchema[];
  images: ImageEntry[];
  /** The kinds of targets that the network can be asked for, the usual one first; a recording has none. */
  targets?: string[];
  /** What the probability of a prediction is. */
  measure?: string;
  /** The kernel hears its views only when no cell runs. */
  waits: boolean;
  /** Nobody answers but a recording: what it does not hold is not offered. */
  recorded?: boolean;
}

export interface ArrayHead {
  name: string;
  dtype: "uint8" | "int16" | "float32";
  shape: number[];
  scale: number | number[];
  zero: number | number[];
}

export interface StepState {
  index: number;
  done: number;
  error: number | null;
  final: boolean;
}

export interface Failure {
  type: string;
  message: string;
  hint: string;
}

interface Addressed {
  client: string;
  topic: string;
  seq: number;
}

export interface FrameMessage extends Addressed {
  type: "frame";
  params: Params;
  step: StepState;
  // Each topic has its own meta; the widgets know it.
  meta: any;
  arrays: ArrayHead[];
}
export interface ProgressMessage extends Addressed {
  type: "progress";
  done: number;
  error: number | null;
  note: string | null;
}
export interface DoneMessage extends Addressed {
  type: "done";
  ms: number;
}
export interface ErrorMessage extends Addressed {
  type: "error";
  error: Failure;
}
export interface CancelledMessage extends Addressed {
  type: "cancelled";
}
export interface StateMessage {
  type: "state";
  /** The client whose wish it was, or "kernel". */
  origin: string;
  values: Partial<Values>;
  /** What the origin wished, whether it was followed or not. */
  heard?: Partial<Values>;
  images?: ImageEntry[];
}

/** What was sent is worth nothing any longer: ask again. */
export interface ResetMessage {
  type: "reset";
}

/** A view is gone: pages that still show one say so. */
export interface RollMessage {
  type: "roll";
}

export type FromKernel =
  | Welcome
  | StateMessage
  | ResetMessage
  | RollMessage
  | FrameMessage
  | ProgressMessage
  | DoneMessage
  | ErrorMessage
  | CancelledMessage;

export type ToKernel =
  | { type: "hello"; client: string }
  | { type: "select"; client: string; values: Partial<Values> }
  | { type: "request"; client: string; topic: string; seq: number; params: Params }
  | { type: "again"; client: string; topic: string; seq: number; params: Params }
  | { type: "cancel"; client: string; topic: string }
  | { type: "ack"; client: string; topic: string; seq: number }
  | { type: "add"; client: string; name: string }
  | { type: "traits"; client: string; values: Record<string, unknown> }
  | { type: "shown" | "gone"; client: string }
  | { type: "nudge" };

/** The same text for the same params, whatever the order of their keys. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(",")}}`;
  }
  return JSON.stringify(value ?? null);
}

/** What a value must be: "s" a string, "n" a number, "b" yes or no, "o" an object, "*" anything; "?" or null. */
type Shape = string | [Shape] | { [key: string]: Shape };

const ADDRESS = { client: "s", topic: "s", seq: "n" };
const VALUES = {
  image: "n",
  target: "*",
  layer: "s?",
  channel: "n?",
  method: "s",
  params: "o",
  baseline: "o",
  seed: "n",
};
const PARAMS: Shape = [{ name: "s", kind: "s", choices: ["s"], label: "s" }];
const HEAD: Shape = { name: "s", dtype: "s", shape: ["n"], scale: "*", zero: "*" };
const IMAGES: Shape = [{ name: "s", width: "n", height: "n" }];
const SHAPES: Record<FromKernel["type"], Shape> = {
  welcome: {
    model: "s",
    selection: VALUES,
    classes: "o?",
    methods: [{ name: "s", label: "s", needs: ["s"], params: PARAMS, baseline: "o?" }],
    baselines: [{ name: "s", label: "s", params: PARAMS }],
    images: IMAGES,
  },
  state: { origin: "s", values: "o" },
  reset: {},
  roll: {},
  frame: {
    ...ADDRESS,
    params: "o",
    step: { index: "n", done: "n", error: "n?", final: "b" },
    arrays: [HEAD],
  },
  progress: { ...ADDRESS, done: "n", error: "n?", note: "s?" },
  done: { ...ADDRESS, ms: "n" },
  cancelled: ADDRESS,
  error: { ...ADDRESS, error: { type: "s", message: "s", hint: "s" } },
};

/** Whether something that arrived is a message of ours; a stranger's is ignored, never trusted. */
export function isFromKernel(content: unknown): content is FromKernel {
  if (!fits(content, { type: "s" })) return false;
  const { type, values, images } = content as Record<string, unknown>;
  const shape = Object.hasOwn(SHAPES, type as string) && SHAPES[type as FromKernel["type"]];
  if (!shape || !fits(content, shape)) return false;
  return type !== "state" || (partly(values as Params) && (images === undefined || fits(images, IMAGES)));
}

function partly(values: Params): boolean {
  return Object.entries(VALUES).every(([key, shape]) => !(key in values) || fits(values[key], shape));
}

const KINDS: Record<string, string> = { s: "string", n: "number", b: "boolean", o: "object" };

function fits(value: unknown, shape: Shape): boolean {
  if (Array.isArray(shape)) return Array.isArray(value) && value.every((one) => fits(one, shape[0]));
  if (typeof shape !== "string") {
    if (value === null || typeof value !== "object") return false;
    return Object.entries(shape).every(([key, of]) => fits((value as Params)[key], of));
  }
  if (value === null || value === undefined) return shape.endsWith("?") || shape === "*";
  return shape === "*" || typeof value === KINDS[shape[0]!];
}
