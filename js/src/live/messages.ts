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
  images?: ImageEntry[];
}

/** What was sent is worth nothing any longer: ask again. */
export interface ResetMessage {
  type: "reset";
}

export type FromKernel =
  | Welcome
  | StateMessage
  | ResetMessage
  | FrameMessage
  | ProgressMessage
  | DoneMessage
  | ErrorMessage
  | CancelledMessage;

export type ToKernel =
  | { type: "hello"; client: string }
  | { type: "select"; client: string; values: Partial<Values> }
  | { type: "request"; client: string; topic: string; seq: number; params: Params }
  | { type: "cancel"; client: string; topic: string }
  | { type: "ack"; client: string; topic: string; seq: number }
  | { type: "add"; client: string; name: string }
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

/** Whether something that arrived is a message of ours; a stranger's is ignored, never trusted. */
export function isFromKernel(content: unknown): content is FromKernel {
  if (content === null || typeof content !== "object") return false;
  const message = content as Record<string, unknown>;
  switch (message.type) {
    case "welcome":
      return typeof message.selection === "object" && message.selection !== null;
    case "state":
      return typeof message.values === "object" && message.values !== null;
    case "reset":
      return true;
    case "frame":
      return addressed(message) && Array.isArray(message.arrays) && typeof message.step === "object";
    case "progress":
    case "done":
    case "cancelled":
      return addressed(message);
    case "error":
      return addressed(message) && typeof message.error === "object" && message.error !== null;
    default:
      return false;
  }
}

function addressed(message: Record<string, unknown>): boolean {
  return (
    typeof message.client === "string" && typeof message.topic === "string" && typeof message.seq === "number"
  );
}
