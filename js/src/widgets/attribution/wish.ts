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

/** The selected baseline; the method's own where none is selected, or one that the method cannot take. */
export function baselineOf(welcome: Greeting, values: Values): BaselineSchema | undefined {
  const method = methodOf(welcome, values);
  const fitting = baselinesFor(welcome, method);
  const named = (name: unknown) => fitting.find((schema) => schema.name === name);
  return named(values.baseline?.name) ?? named(method?.baseline?.name) ?? fitting[0];
}

/** That baseline with all its parameters, so that one wish has one key. */
export function baselineValue(welcome: Greeting, values: Values): Params | null {
  const schema = baselineOf(welcome, values);
  const own = methodOf(welcome, values)?.baseline ?? {};
  if (!schema) return null;
  const given = [values.baseline, own].find((one) => one?.name === schema.name) ?? {};
  return { name: schema.name, ...complete(schema.params, given) };
}

export function needs(
  method: MethodSchema | undefined,
  what: "baseline" | "layer" | "distribution",
): boolean {
  return method?.needs.includes(what) ?? false;
}

/** The params of topic "attribution"; what the method does not need is null, so that it can't miss the cache. */
export function attributionWish(welcome: Greeting, values: Values): Params | null {
  const method = methodOf(welcome, values);
  if (!method) return null;
  const baseline = needs(method, "baseline") ? baselineValue(welcome, values) : null;
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
