/** A kernel that answers what the baseline lab asks, on pictures of 8 × 6 pixels, by formulas. */

import type { Params } from "../../../src/live/client";
import { BASELINES, FakeKernel, type FakeOptions, METHODS } from "../../fake";

export const WIDTH = 8;
export const HEIGHT = 6;
const SIZE = WIDTH * HEIGHT;
const STRENGTH = 1 / 1000;

const param = { ...METHODS[1]!.params[0]!, low: null, high: null, log: false };
export const SCHEMAS = [
  ...BASELINES,
  { name: "white", label: "White", summary: "White everywhere.", params: [] },
  {
    name: "painted",
    label: "Painted",
    summary: "What you paint yourself.",
    params: [
      { ...param, name: "strokes", kind: "strokes", default: [] },
      { ...param, name: "over", kind: "choice", default: "picture", choices: ["picture", "black"] },
    ],
  },
  {
    name: "distribution",
    label: "Distribution",
    summary: "Many pictures.",
    params: [{ ...param, name: "images", kind: "images", default: [] }],
  },
];

type Data = Uint8Array | Int16Array | Float32Array;
const array = (data: Data, ...shape: number[]) => ({ data, shape });
const int16 = (values: readonly number[], ...shape: number[]) => ({
  ...array(
    Int16Array.from(values, (value) => Math.round(value / STRENGTH)),
    ...shape,
  ),
  scale: STRENGTH,
  zero: 0,
});

/** A photograph, `(h, w, 3)`. */
export function photograph(image: number): Uint8Array {
  return Uint8Array.from({ length: 3 * SIZE }, (_, i) => (37 * i + 61 * image + (i % 3) * 40) % 256);
}

export function reference(baseline: Params, image = 0): Uint8Array {
  const own = photograph(image);
  const [black, white] = [new Uint8Array(3 * SIZE), new Uint8Array(3 * SIZE).fill(255)];
  // The upper half of the picture equals a blurred one, so that something is blind.
  if (baseline.name === "blur") return own.map((value, i) => (i < own.length / 2 ? value : 128));
  return baseline.name === "white" ? white : black;
}

export function nodesOf(count: number): number[] {
  return count === 1 ? [0.5] : Array.from({ length: count }, (_, i) => i / (count - 1));
}

/** The contribution of pixel `p` at α. */
export function contribution(p: number, alpha: number): number {
  return Math.sin(p * 1.7) * (1 - alpha) ** 2 + 0.2 * Math.cos(p) * alpha;
}

/** The map of a compared baseline. */
export function mapOf(index: number): number[] {
  return Array.from({ length: SIZE }, (_, p) => Math.sin(p * (0.4 + index * 0.3)) * (1 + index));
}

const evidence = {
  line: "completeness gap 0.4 % · seed 0",
  worst: "holds",
  checks: [
    { name: "completeness", verdict: "holds", figure: 0.004, sentence: "It adds up." },
    { name: "convergence", verdict: "holds", figure: 0.03, sentence: "Estimated error 3 %." },
  ],
};

export class LabKernel extends FakeKernel {
  /** Compared baselines that fail, by name. */
  readonly broken = new Set<string>();

  constructor(options: FakeOptions = {}) {
    super({
      stepped: ["path", "compare", "references", "ablation"],
      steps: 3,
      baselines: SCHEMAS,
      ...options,
    });
  }

  override answer(topic: string, params: any, done = 1) {
    const target = { label: this.classes?.[params.target ?? 0] ?? "", index: params.target ?? 0 };
    switch (topic) {
      case "input":
        return this.#input(params);
      case "baseline":
        return this.#baseline(params);
      case "path":
        return this.#path(params, target, done);
      case "compare":
        return this.#compare(params, target, done);
      case "references":
        return this.#references(params, target, done);
      case "ablation":
        return this.#ablation(params, target, done);
      default:
        return super.answer(topic, params, done);
    }
  }

  #input({ image }: any) {
    const name = this.images[image]!.name;
    return { meta: { name }, arrays: { picture: array(photograph(image), HEIGHT, WIDTH, 3) } };
  }

  #baseline({ image, baseline }: any) {
    const [own, picture] = [photograph(image), reference(baseline, image)];
    const same = (p: number) => [0, 1, 2].every((c) => own[3 * p + c] === picture[3 * p + c]);
    const blind = Uint8Array.from({ length: SIZE }, (_, p) => Number(same(p)));
    const share = blind.reduce((sum, value) => sum + value, 0) / SIZE;
    return {
      meta: { baseline, label: String(baseline.name), blind: share, pictures: 1 },
      arrays: { picture: array(picture, HEIGHT, WIDTH, 3), blind: array(blind, HEIGHT, WIDTH) },
    };
  }

  #path({ image, baseline }: any, target: object, done: number) {
    const nodes = nodesOf(done < 0.5 ? 1 : done < 1 ? 3 : 5);
    const maps = nodes.flatMap((node) => Array.from({ length: SIZE }, (_, p) => contribution(p, node)));
    const total = nodes.length > 1 ? 8 : null;
    return {
      meta: {
        target,
        label: String(baseline.name),
        total,
        sum: 7.9,
        gap: total && 0.01,
        saturated: total && [0.6, 0.9],
        blind: 0,
        evaluations: nodes.length,
        evidence,
      },
      arrays: {
        nodes: array(Float32Array.from(nodes), nodes.length),
        outputs: array(
          Float32Array.from(nodes, (node) => 2 + 8 * node),
          nodes.length,
        ),
        maps: int16(maps, nodes.length, HEIGHT, WIDTH),
        picture: array(photograph(image), HEIGHT, WIDTH, 3),
        reference: array(reference(baseline, image), HEIGHT, WIDTH, 3),
      },
    };
  }

  #compare({ image, baselines }: any, target: object, done: number) {
    const arrays: Record<string, any> = {};
    const entries = baselines.map((baseline: Params, i: number) => {
      const entry = { baseline, label: `${baseline.name} label`, done, final: done === 1 };
      if (this.broken.has(String(baseline.name)))
        return { ...entry, error: { message: "No <b>luck</b>.", hint: "Take another." } };
      arrays[`map_${i}`] = int16(mapOf(i), HEIGHT, WIDTH);
      arrays[`reference_${i}`] = array(reference(baseline, image), HEIGHT, WIDTH, 3);
      return {
        ...entry,
        blind: i / 10,
        evidence: { line: `gap ${i} %`, worst: i === 1 ? "doubtful" : "holds" },
      };
    });
    const k = baselines.length;
    const rank = Float32Array.from({ length: k * k }, (_, at) =>
      Math.floor(at / k) === at % k ? 1 : 0.5 - 0.25 * Math.abs(Math.floor(at / k) - (at % k)),
    );
    arrays.rank = array(rank, k, k);
    arrays.spread = int16(mapOf(0).map(Math.abs), HEIGHT, WIDTH);
    return { meta: { target, entries, agreement: 0.3, complete: done === 1 ? k : 0 }, arrays };
  }

  #references({ source, count }: any, target: object, done: number) {
    const m = Math.max(1, Math.round(done * Math.min(count, 6)));
    const maps = Array.from({ length: m }, (_, i) => mapOf(0).map((value) => value / (i + 1)));
    const labels = maps.map((_, i) => `reference ${i}`);
    return {
      meta: { target, labels, source, count, evidence },
      arrays: {
        maps: int16(maps.flat(), m, HEIGHT, WIDTH),
        pictures: array(new Uint8Array(m * 2 * 2 * 3).fill(90), m, 2, 2, 3),
        errors: array(
          Float32Array.from({ length: m }, (_, i) => 0.5 / (i + 1) ** 2),
          m,
        ),
        gaps: array(
          Float32Array.from({ length: m }, (_, i) => 0.2 / (i + 1)),
          m,
        ),
      },
    };
  }

  #ablation({ baselines, fill }: any, target: object, done: number) {
    const shares = [0, 0.5, 1];
    const known = (i: number) => i < Math.round(done * baselines.length);
    const curves = baselines.map((_: Params, i: number) => (known(i) ? [10, 4 - i, 1] : [NaN, NaN, NaN]));
    const entries = baselines.map((baseline: Params, i: number) => ({
      baseline,
      label: `${baseline.name} label`,
      color: "#ff0000",
      area: known(i) ? 4.75 - i / 2 : null,
    }));
    return {
      meta: { target, entries, random_area: 4.5, fill, start: 10 },
      arrays: {
        shares: array(Float32Array.from(shares), 3),
        curves: array(Float32Array.from(curves.flat()), baselines.length, 3),
        random: array(Float32Array.from([10, 5, 1, 10, 3, 1]), 2, 3),
        filled: array(new Uint8Array(3 * SIZE).fill(7), HEIGHT, WIDTH, 3),
      },
    };
  }
}
