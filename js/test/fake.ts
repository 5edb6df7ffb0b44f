/**
 * A session without a kernel: it speaks the wire, and every number it sends is made by a formula.
 *
 *     const kernel = new FakeKernel({ network: resnet18() });
 *     const model = kernel.panel({ layer: null, playing: false });   // what anywidget would hand over
 *     const client = Client.connect(model);
 */

import type { PanelModel } from "../src/live/client";
import type {
  ArrayHead,
  Failure,
  MethodSchema,
  ParamSchema,
  Params,
  ToKernel,
  Values,
} from "../src/live/messages";

export interface FakeLayer {
  name: string;
  kind: string;
  shape: number[];
  parameters: number;
  depth: number;
  order: number;
  view: "maps" | "tokens" | "vector" | "none";
  grid: [number, number] | null;
  channels: number;
  receptive_field: number | null;
  block: string;
  container: boolean;
}

type Handler = (...args: never[]) => void;

class Emitter {
  #handlers = new Map<string, Set<Handler>>();
  on(event: string, fn: Handler): void {
    const known = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, known.add(fn));
  }
  off(event: string, fn?: Handler): void {
    if (fn) this.#handlers.get(event)?.delete(fn);
    else this.#handlers.delete(event);
  }
  emit(event: string, ...args: unknown[]): void {
    for (const fn of [...(this.#handlers.get(event) ?? [])]) fn(...(args as never[]));
  }
  count(event: string): number {
    return this.#handlers.get(event)?.size ?? 0;
  }
}

/** What anywidget hands a panel: traits, events, a comm, and a manager that knows the data channel. */
export class FakeModel extends Emitter implements PanelModel {
  readonly sent: ToKernel[] = [];
  saved = 0;
  readonly widget_manager: PanelModel["widget_manager"];

  constructor(
    private readonly kernel: FakeKernel,
    private readonly traits: Record<string, unknown>,
  ) {
    super();
    this.widget_manager = { get_model: async () => kernel.channel };
  }
  get(name: string): any {
    return this.traits[name];
  }
  set(name: string, value: unknown): void {
    if (this.traits[name] === value) return;
    this.traits[name] = value;
    this.emit(`change:${name}`);
  }
  save_changes(): void {
    this.saved += 1;
  }
  send(content: unknown, _callbacks?: unknown, buffers?: (ArrayBuffer | ArrayBufferView)[]): void {
    this.sent.push(content as ToKernel);
    this.kernel.receive(content as ToKernel, buffers ?? []);
  }
}

interface Answer {
  meta: any;
  arrays: Record<string, { data: Uint8Array | Int16Array | Float32Array; shape: number[] } & Partial<Coding>>;
}
interface Coding {
  scale: number | number[];
  zero: number | number[];
}

export interface FakeOptions {
  network?: FakeLayer[];
  classes?: string[] | null;
  images?: { name: string; width: number; height: number }[];
  selection?: Partial<Values>;
  /** Milliseconds a request takes; one number, or one a topic. 0 answers within the call. */
  latency?: number | Record<string, number>;
  steps?: number;
  /** The topics whose answers get better in steps. */
  stepped?: readonly string[];
  baselines?: readonly object[];
}

/** The other end: it answers requests by topic, newest wins, and can be told to fail or fall silent. */
export class FakeKernel {
  readonly channel = new Emitter();
  readonly network: FakeLayer[];
  readonly classes: string[] | null;
  readonly images: { name: string; width: number; height: number }[];
  readonly failures = new Map<string, Failure>();
  readonly requests: { topic: string; params: Params }[] = [];
  readonly added: { name: string; bytes: number }[] = [];
  latency: number | Record<string, number>;
  silent = false;
  selection: Values;
  #running = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(readonly options: FakeOptions = {}) {
    this.network = options.network ?? resnet18();
    this.classes = options.classes === undefined ? CLASSES : options.classes;
    this.images = options.images ?? [
      { name: "tabby.jpg", width: 224, height: 224 },
      { name: "street.png", width: 224, height: 224 },
      { name: "harbour.jpg", width: 224, height: 224 },
    ];
    this.latency = options.latency ?? 0;
    this.selection = {
      image: 0,
      target: null,
      layer: this.network.find((layer) => layer.view === "maps")?.name ?? null,
      channel: null,
      method: "integrated_gradients",
      params: {},
      baseline: { name: "black" },
      seed: 0,
      ...options.selection,
    };
  }

  /** A panel's model on this session, with its public traits. */
  panel(traits: Record<string, unknown> = {}): FakeModel {
    return new FakeModel(this, { _channel: "IPY_MODEL_channel", ...traits });
  }

  receive(content: ToKernel, buffers: (ArrayBuffer | ArrayBufferView)[]): void {
    if (this.silent) return;
    if (content.type === "hello") this.welcome(content.client);
    else if (content.type === "select") this.state(content.values, content.client);
    else if (content.type === "cancel") this.#cancel(content.client, content.topic);
    else if (content.type === "request") this.#request(content);
    else if (content.type === "add") {
      this.added.push({ name: content.name, bytes: buffers[0]?.byteLength ?? 0 });
      this.images.push({ name: content.name, width: 224, height: 224 });
      this.emit({ type: "state", origin: "kernel", values: {}, images: [...this.images] });
    }
  }

  welcome(client = ""): void {
    this.emit({
      type: "welcome",
      client,
      model: "ResNet-a1b2c3",
      selection: this.selection,
      classes: this.classes,
      methods: METHODS,
      baselines: this.options.baselines ?? BASELINES,
      images: [...this.images],
      waits: false,
    });
  }

  /** The selection changed: by a client, or (as from Python) by the kernel. */
  state(values: Partial<Values>, origin = "kernel"): void {
    this.selection = { ...this.selection, ...values };
    this.emit({ type: "state", origin, values, heard: values });
  }

  emit(content: object, buffers: DataView[] = []): void {
    this.channel.emit("msg:custom", content, buffers);
  }

  #request({ client, topic, seq, params }: Extract<ToKernel, { type: "request" }>): void {
    this.requests.push({ topic, params });
    const key = `${client} ${topic}`;
    clearTimeout(this.#running.get(key));
    const head = { client, topic, seq };
    const failure = this.failures.get(topic);
    const wait = typeof this.latency === "number" ? this.latency : (this.latency[topic] ?? 0);
    const stepped = (this.options.stepped ?? ["attribution"]).includes(topic);
    const steps = stepped ? (this.options.steps ?? 6) : 1;
    const step = (index: number) => {
      if (failure) return this.emit({ type: "error", ...head, error: failure });
      let answer: ReturnType<FakeKernel["answer"]>;
      try {
        answer = this.answer(topic, params, (index + 1) / steps);
      } catch (error) {
        return this.emit({
          type: "error",
          ...head,
          error: { type: "Error", message: String(error), hint: "" },
        });
      }
      const error = stepped ? 0.4 / 2 ** index : null;
      const final = index + 1 === steps;
      this.#frame({ ...head, params, step: { index, done: (index + 1) / steps, error, final } }, answer);
      if (final) return this.emit({ type: "done", ...head, ms: Math.max(1, wait) });
      this.emit({ type: "progress", ...head, done: (index + 1) / steps, error, note: null });
      this.#later(key, wait / steps, () => step(index + 1));
    };
    this.#later(key, wait, () => step(0));
  }

  #later(key: string, wait: number, fn: () => void): void {
    if (wait <= 0) fn();
    else this.#running.set(key, setTimeout(fn, wait));
  }

  #cancel(client: string, topic: string): void {
    clearTimeout(this.#running.get(`${client} ${topic}`));
    this.emit({ type: "cancelled", client, topic, seq: -1 });
  }

  #frame(head: object, { meta, arrays }: Answer): void {
    const heads: ArrayHead[] = [];
    const buffers: DataView[] = [];
    for (const [name, { data, shape, scale = 1, zero = 0 }] of Object.entries(arrays)) {
      const dtype = data instanceof Uint8Array ? "uint8" : data instanceof Int16Array ? "int16" : "float32";
      heads.push({ name, dtype, shape, scale, zero });
      // As over a websocket: one buffer of many, at an offset of its own.
      const bytes = new Uint8Array(data.byteLength + 8);
      bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8);
      buffers.push(new DataView(bytes.buffer, 8, data.byteLength));
    }
    this.emit({ type: "frame", ...head, meta, arrays: heads }, buffers);
  }

  answer(topic: string, params: any, done = 1): Answer {
    switch (topic) {
      case "thumbnails": {
        const arrays: Answer["arrays"] = {};
        this.images.forEach((_, i) => {
          arrays[String(i)] = { data: picture(i, 96, 96), shape: [96, 96, 3] };
        });
        return { meta: {}, arrays };
      }
      case "input": {
        const { name, width, height } = this.images[params.image] ?? this.images[0]!;
        const data = picture(params.image, height, width);
        return {
          meta: { name, width, height, notes: [] },
          arrays: { picture: { data, shape: [height, width, 3] } },
        };
      }
      case "layers":
        return {
          meta: { layers: this.network, blocks: [...new Set(this.network.map((l) => l.block))] },
          arrays: {},
        };
      case "maps":
        return this.#maps(params.image, this.#layer(params.layer));
      case "scores": {
        const { channels } = this.#layer(params.layer);
        const data = Float32Array.from({ length: channels }, (_, c) => Math.sin(c * 2.3 + params.image) * 3);
        return { meta: {}, arrays: { scores: { data, shape: [channels] } } };
      }
      case "predictions": {
        const names = this.classes ?? [];
        const top = [4.1, 2.6, 1.9, 0.7, 0.2].map((logit, i) => ({
          index: i,
          name: names[i] ?? `class ${i}`,
          logit,
          probability: Math.exp(logit) / 86,
        }));
        return { meta: { top }, arrays: {} };
      }
      case "attribution":
        return this.#attribution(params, done);
      default:
        throw new Error(`no formula for ${topic}`);
    }
  }

  #layer(name: string): FakeLayer {
    const layer = this.network.find((candidate) => candidate.name === name);
    if (!layer) throw new Error(`no layer ${name}`);
    return layer;
  }

  #maps(image: number, layer: FakeLayer): Answer {
    const { channels: c, order, view, grid, shape } = layer;
    const meta = { layer: layer.name, view, grid, shape, reduced: 1 };
    if (view === "vector" || grid === null) {
      const values = Float32Array.from({ length: c }, (_, i) => 4 * Math.sin(i * 12.9898 + image) ** 3 - 0.6);
      return { meta, arrays: { values: { data: values, shape: [c] } } };
    }
    const [h, w] = grid;
    const maps = new Uint8Array(c * h * w);
    const stats = { mean: new Float32Array(c), max: new Float32Array(c), variance: new Float32Array(c) };
    const [scale, zero]: [number[], number[]] = [[], []];
    const values = new Float32Array(h * w);
    const rectified = /ReLU|Pool/.test(layer.kind);
    for (let k = 0; k < c; k++) {
      let [low, high, sum, squares] = [Infinity, -Infinity, 0, 0];
      for (let i = 0; i < h * w; i++) {
        const raw = activation(image, order, k, (i % w) / w, Math.floor(i / w) / h);
        const value = rectified ? Math.max(0, raw) : raw;
        values[i] = value;
        low = Math.min(low, value);
        high = Math.max(high, value);
        sum += value;
        squares += value * value;
      }
      const step = (high - low) / 255 || 1;
      scale.push(step);
      zero.push(-low / step);
      for (let i = 0; i < h * w; i++) maps[k * h * w + i] = Math.round((values[i]! - low) / step);
      stats.mean[k] = sum / (h * w);
      stats.max[k] = high;
      stats.variance[k] = squares / (h * w) - stats.mean[k]! ** 2;
    }
    const vector = (data: Float32Array) => ({ data, shape: [c] });
    return {
      meta,
      arrays: {
        maps: { data: maps, shape: [c, h, w], scale, zero },
        mean: vector(stats.mean),
        max: vector(stats.max),
        variance: vector(stats.variance),
      },
    };
  }

  #attribution(params: any, done: number): Answer {
    const side = 224;
    const map = new Int16Array(side * side);
    const grain = 0.5 * (1 - done);
    for (let i = 0; i < map.length; i++) {
      const [x, y] = [(i % side) / side, Math.floor(i / side) / side];
      const noise = Math.sin(x * 917 + y * 613) * grain;
      const hill =
        Math.exp(-((x - 0.46) ** 2 + (y - 0.42) ** 2) * 30) -
        0.6 * Math.exp(-((x - 0.75) ** 2 + (y - 0.7) ** 2) * 60);
      map[i] = Math.round(30000 * Math.max(-1, Math.min(1, hill + noise * hill)));
    }
    const index = typeof params.target === "number" ? params.target : 0;
    const checks = [
      {
        name: "completeness",
        verdict: "holds",
        figure: 0.004,
        sentence: "The map sums to f(x) − f(x′) within 0.4 %.",
      },
      {
        name: "convergence",
        verdict: done < 1 ? "doubtful" : "holds",
        figure: 0.03,
        sentence: "Estimated error 3 %.",
      },
    ];
    return {
      meta: {
        evidence: {
          line: "completeness gap 0.4 % · estimated error 3 % · seed 0",
          worst: checks[1]!.verdict,
          checks,
        },
        target: { label: this.classes?.[index] ?? `class ${index}`, index },
        method: params.method,
        baseline: params.baseline,
        signed: true,
        seconds: 0.8 * done,
        layer: params.layer ?? null,
      },
      arrays: { map: { data: map, shape: [side, side], scale: 1 / 30000, zero: 0 } },
    };
  }
}

/** An activation: an oriented wave that answers to what the picture shows. */
function activation(image: number, order: number, channel: number, x: number, y: number): number {
  const angle = channel * 2.399963;
  const frequency = 6 + (channel % 5) * (22 / (1 + order * 0.08));
  const phase = channel * 1.7 + order * 0.6;
  const wave = Math.sin(frequency * (x * Math.cos(angle) + y * Math.sin(angle)) + phase);
  const [cx, cy] = [0.5 + 0.28 * Math.cos(channel + image), 0.48 + 0.26 * Math.sin(channel * 1.3)];
  const blob = Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) * 9);
  const edge = Math.abs(Math.hypot(x - 0.46, y - 0.42) - 0.24) < 0.05 ? 0.8 : 0;
  return (
    (wave * 0.55 + edge) * (0.25 + blob * 1.4) * (1 + (channel % 7) * 0.35) + blob * 0.5 * Math.cos(channel)
  );
}

/** A picture `(h, w, 3)`: a sky, a ground, a disc that differs from image to image. */
export function picture(index: number, height: number, width: number): Uint8Array {
  const data = new Uint8Array(height * width * 3);
  const hue = [
    [214, 142, 74],
    [92, 140, 190],
    [118, 160, 96],
    [190, 98, 120],
  ][index % 4]!;
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width, y / height];
      const inside = Math.hypot(u - 0.46, v - 0.42) < 0.24;
      const stripe = inside ? 1 + 0.25 * Math.sin(u * 60 + Math.sin(v * 14) * 3) : 1;
      const light = v > 0.7 ? 0.45 + 0.1 * Math.sin(u * 40 + v * 90) : 1.05 - v * 0.5;
      for (let c = 0; c < 3; c++) {
        const base = inside ? hue[c]! * stripe : [176, 196, 214][c]! * light;
        data[o++] = Math.max(0, Math.min(255, base));
      }
    }
  }
  return data;
}

export const CLASSES = [
  "tabby cat",
  "tiger cat",
  "Egyptian cat",
  "lynx",
  "plastic bag <b>not bold</b>",
  ...Array.from({ length: 995 }, (_, i) => `class ${i + 5}`),
];

const number = (
  name: string,
  low: number,
  high: number,
  initial: number,
  more: Partial<ParamSchema> = {},
): ParamSchema => ({
  name,
  kind: "int",
  default: initial,
  low,
  high,
  step: 1,
  log: false,
  choices: [],
  label: name,
  unit: "",
  help: "",
  ...more,
});
const method = (
  name: string,
  label: string,
  params: ParamSchema[],
  needs: string[] = [],
  invalid: string | null = null,
): MethodSchema => ({
  name,
  label,
  family: ["integrated_gradients", "grad_cam", "occlusion"].includes(name) ? "Others" : "Gradients",
  summary: `${label}, one sentence about it.`,
  paper: "Author et al. 2017",
  needs,
  signed: name !== "occlusion",
  params,
  baseline: name === "occlusion" ? { name: "color", color: "#808080" } : null,
  invalid,
});

export const METHODS: MethodSchema[] = [
  method("gradient", "Gradient", []),
  method("smooth_grad", "SmoothGrad", [
    number("samples", 4, 256, 32, { log: true }),
    number("noise", 0, 1, 0.15, { kind: "float", step: 0.01 }),
    { ...number("reduce", 0, 0, 0), kind: "choice", default: "mean", choices: ["mean", "variance"] },
  ]),
  method(
    "integrated_gradients",
    "Integrated gradients",
    [number("steps", 8, 1024, 128, { log: true })],
    ["baseline"],
  ),
  method("grad_cam", "Grad-CAM", [{ ...number("relu", 0, 1, 1), kind: "bool", default: true }], ["layer"]),
  method(
    "occlusion",
    "Occlusion",
    [number("window", 4, 64, 24, { unit: "px" })],
    ["baseline"],
    "Not valid for this model: it has no space.",
  ),
];

export const BASELINES = [
  { name: "black", label: "Black", summary: "All pixels black.", params: [] },
  { name: "mean", label: "Mean colour", summary: "The picture's mean colour.", params: [] },
  {
    name: "blur",
    label: "Blur",
    summary: "The picture blurred.",
    params: [number("sigma", 1, 50, 10, { kind: "float", unit: "px", log: true })],
  },
  {
    name: "color",
    label: "Colour",
    summary: "One colour.",
    params: [{ ...number("color", 0, 0, 0), kind: "color" as const, default: "#808080" }],
  },
  {
    name: "image",
    label: "Another image",
    summary: "",
    params: [{ ...number("image", 0, 9, 1), kind: "image" as const, default: 1 }],
  },
];

/** Builds layer lists in execution order. */
class Build {
  readonly layers: FakeLayer[] = [];
  field = 1;
  jump = 1;
  constructor(
    public side: number,
    public channels: number,
  ) {}
  add(
    name: string,
    kind: string,
    { block = name.split(".").slice(0, -1).join("."), parameters = 0 } = {},
  ): this {
    const { side, channels } = this;
    this.layers.push({
      name,
      kind,
      shape: [channels, side, side],
      parameters,
      depth: name.split(".").length,
      order: this.layers.length,
      view: "maps",
      grid: [side, side],
      channels,
      receptive_field: this.field,
      block,
      container: false,
    });
    return this;
  }
  conv(name: string, out: number, kernel = 3, stride = 1): this {
    const parameters = out * this.channels * kernel * kernel;
    this.field += (kernel - 1) * this.jump;
    this.jump *= stride;
    this.channels = out;
    this.side = Math.ceil(this.side / stride);
    return this.add(name, "Conv2d", { parameters });
  }
  norm(name: string): this {
    return this.add(name, "BatchNorm2d", { parameters: 2 * this.channels });
  }
  pool(name: string, kind = "MaxPool2d"): this {
    this.field += this.jump;
    this.jump *= 2;
    this.side = Math.ceil(this.side / 2);
    return this.add(name, kind);
  }
  vector(name: string, kind: string, channels: number, parameters = 0): this {
    this.channels = channels;
    this.add(name, kind, { parameters });
    Object.assign(this.layers.at(-1)!, {
      shape: [channels],
      view: "vector",
      grid: null,
      receptive_field: null,
    });
    return this;
  }
}

export function resnet18(): FakeLayer[] {
  const net = new Build(224, 3).conv("conv1", 64, 7, 2).norm("bn1").add("relu", "ReLU").pool("maxpool");
  [64, 128, 256, 512].forEach((width, stage) => {
    for (const block of [0, 1]) {
      const path = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      net.conv(`${path}.conv1`, width, 3, stride).norm(`${path}.bn1`).add(`${path}.relu`, "ReLU");
      net.conv(`${path}.conv2`, width).norm(`${path}.bn2`);
      if (stride === 2) net.add(`${path}.downsample.0`, "Conv2d", { block: path, parameters: 1 });
      net.add(`${path}.relu#2`, "ReLU");
    }
  });
  return net.vector("avgpool", "AdaptiveAvgPool2d", 512).vector("fc", "Linear", 1000, 513000).layers;
}

/** 58 dense layers in four blocks: hundreds of layers. */
export function densenet121(): FakeLayer[] {
  const net = new Build(224, 3).conv("features.conv0", 64, 7, 2).norm("features.norm0");
  net.add("features.relu0", "ReLU").pool("features.pool0");
  let width = 64;
  [6, 12, 24, 16].forEach((count, stage) => {
    for (let i = 1; i <= count; i++) {
      const path = `features.denseblock${stage + 1}.denselayer${i}`;
      net.channels = width;
      net.norm(`${path}.norm1`).add(`${path}.relu1`, "ReLU").conv(`${path}.conv1`, 128, 1);
      net.norm(`${path}.norm2`).add(`${path}.relu2`, "ReLU").conv(`${path}.conv2`, 32);
      width += 32;
    }
    if (stage < 3) {
      const path = `features.transition${stage + 1}`;
      net.channels = width;
      net
        .norm(`${path}.norm`)
        .add(`${path}.relu`, "ReLU")
        .conv(`${path}.conv`, width / 2, 1)
        .pool(`${path}.pool`, "AvgPool2d");
      width /= 2;
    }
  });
  net.channels = width;
  return net.norm("features.norm5").vector("classifier", "Linear", 1000, 1025000).layers;
}

export function vit(): FakeLayer[] {
  const net = new Build(224, 3);
  net.side = 14;
  net.channels = 768;
  net.add("conv_proj", "Conv2d", { parameters: 590592 });
  for (let i = 0; i < 12; i++) {
    const path = `encoder.layers.encoder_layer_${i}`;
    for (const [leaf, kind] of [
      ["ln_1", "LayerNorm"],
      ["self_attention", "MultiheadAttention"],
      ["ln_2", "LayerNorm"],
      ["mlp.0", "Linear"],
      ["mlp.1", "GELU"],
      ["mlp.3", "Linear"],
    ] as const) {
      net.channels = leaf === "mlp.0" || leaf === "mlp.1" ? 3072 : 768;
      net.add(`${path}.${leaf}`, kind, { block: path, parameters: 1000 });
      const layer = net.layers.at(-1)!;
      Object.assign(layer, { view: "tokens", shape: [197, net.channels], receptive_field: null });
    }
  }
  return net.vector("heads.head", "Linear", 1000, 769000).layers;
}
