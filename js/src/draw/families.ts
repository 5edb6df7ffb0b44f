/** What kind of work a layer does, from the name of its class. */

export type Family = "conv" | "norm" | "activation" | "pool" | "attention" | "linear" | "other";

export const FAMILIES: readonly Family[] = [
  "conv",
  "norm",
  "activation",
  "pool",
  "attention",
  "linear",
  "other",
];

const RULES: readonly [RegExp, Family][] = [
  [/attention|attn/i, "attention"],
  [/norm|lrn/i, "norm"],
  [/pool|patchmerging|upsample|interpolat/i, "pool"],
  [/elu|gelu|silu|swish|mish|sigmoid|tanh|softmax|softplus|activation|shrink|glu/i, "activation"],
  [/conv|unfold/i, "conv"],
  [/linear|embedding|bilinear|mlp/i, "linear"],
];

export function family(kind: string): Family {
  return RULES.find(([pattern]) => pattern.test(kind))?.[1] ?? "other";
}
