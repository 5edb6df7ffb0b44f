/** Maps and wishes in words and figures. */

import type { Plane } from "../../draw/plane";
import type { Params, Welcome } from "../../live/client";
import { WITHOUT_CONTROL } from "../../ui/parameters";

/** "Blur baseline (σ 10 px)"; null where the method has none. */
export function baselineWords(welcome: Welcome, baseline: Params | null | undefined): string | null {
  if (baseline === null || baseline === undefined) return null;
  const schema = welcome.baselines.find(({ name }) => name === baseline.name);
  if (!schema) return String(baseline.name);
  const told = ({ name, kind, default: usual }: { name: string; kind: string; default: unknown }) =>
    !WITHOUT_CONTROL.has(kind) && !(name === "seed" && baseline[name] === usual);
  const chosen = schema.params.filter(told);
  const figures = chosen.map(({ name, kind, label, unit }) => {
    const value = baseline[name];
    if (kind === "image") return welcome.images[Number(value)]?.name ?? String(value);
    if (kind === "color") return String(value);
    return `${short(label || name, schema.label)} ${value}${unit ? ` ${unit}` : ""}`;
  });
  const label = capital(schema.label);
  return figures.length > 0 ? `${label} baseline (${figures.join(", ")})` : `${label} baseline`;
}

/** "blur σ" of the baseline "Blur" is "σ", "noise σ" of "Gaussian noise" too. */
function short(label: string, owner: string): string {
  const words = owner.toLowerCase().split(" ");
  const tails = words.map((_, i) => `${words.slice(i).join(" ")} `);
  const tail = tails.find((one) => label.toLowerCase().startsWith(one)) ?? "";
  return label.slice(tail.length);
}

export function meanSize(map: Plane): number {
  let sum = 0;
  for (const q of map.data) sum += Math.abs(map.scale * (q - map.zero));
  return sum / Math.max(1, map.data.length);
}

export function strongest(map: Plane): { x: number; y: number; value: number } {
  let at = 0;
  for (let i = 0; i < map.data.length; i++) {
    if (Math.abs(map.data[i]! - map.zero) > Math.abs(map.data[at]! - map.zero)) at = i;
  }
  return { x: at % map.width, y: Math.floor(at / map.width), value: map.scale * (map.data[at]! - map.zero) };
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
