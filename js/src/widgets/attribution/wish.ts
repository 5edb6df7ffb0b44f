/** What the view asks of the kernel, from the selection and from what the method declares. */

import type { BaselineSchema, MethodSchema, Params, Values, Welcome } from "../../live/client";
import { complete } from "../../ui/parameters";

export type Greeting = Pick<Welcome, "methods" | "baselines">;

export function methodOf(welcome: Greeting, values: Values): MethodSchema | undefined {
  return welcome.methods.find(({ name }) => name === values.method) ?? welcome.methods[0];
}

const DISTRIBUTION = "distribution";

/** The baselines that a method can take: a whole distribution only where it says so. */
export function baselinesFor(welcome: Greeting, method: MethodSchema | undefined): BaselineSchema[] {
  const many = needs(method, DISTRIBUTION);
  return welcome.baselines.filter(({ name }) => many || name !== DISTRIBUTION);
}

/** The selected baseline; one that the method cannot take gives way to the first that it can. */
export function baselineOf(welcome: Greeting, values: Values): BaselineSchema | undefined {
  const fitting = baselinesFor(welcome, methodOf(welcome, values));
  return fitting.find(({ name }) => name === values.baseline.name) ?? fitting[0];
}

export function needs(
  method: MethodSchema | undefined,
  what: "baseline" | "layer" | "distribution",
): boolean {
  return method?.needs.includes(what) ?? false;
}

/** The baseline with all its parameters, so that one wish has one key. */
export function baselineValue(schema: BaselineSchema, given: Params): Params {
  return { name: schema.name, ...complete(schema.params, given) };
}

/** The params of topic "attribution"; what the method does not need is null, so that it can't miss the cache. */
export function attributionWish(welcome: Greeting, values: Values): Params | null {
  const method = methodOf(welcome, values);
  if (!method) return null;
  const schema = baselineOf(welcome, values);
  const baseline = needs(method, "baseline") && schema ? baselineValue(schema, values.baseline) : null;
  return {
    image: values.image,
    target: values.target,
    layer: needs(method, "layer") ? values.layer : null,
    method: method.name,
    params: complete(method.params, values.params),
    baseline,
    seed: values.seed,
  };
}
