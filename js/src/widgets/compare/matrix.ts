/** A figure for each pair, as a table in colours from −1 to 1. */

import { lut } from "../../draw/colormap";
import { indexOf } from "../../draw/heatmap";
import { fill, h } from "../../ui/element";

/** Fill a table with the figures `(k, k)` of named things; rows bear the names, columns their numbers. */
export function showMatrix(
  table: HTMLElement,
  names: readonly string[],
  figures: ArrayLike<number> | undefined,
): void {
  const count = names.length;
  const head = h("tr", {}, h("td", {}), ...names.map((_, i) => h("th", { scope: "col" }, String(i + 1))));
  const rows = names.map((name, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", title: name }, h("b", {}, String(i + 1)), ` ${name}`),
      ...names.map((other, j) => figureCell(figures?.[i * count + j], `${name} and ${other}`, i === j)),
    ),
  );
  fill(table, count > 0 ? [head, ...rows] : []);
}

function figureCell(value: number | undefined, pair: string, same: boolean): HTMLElement {
  const known = typeof value === "number" && Number.isFinite(value);
  if (same || !known) return h("td", { "data-same": same }, same ? "" : "–");
  const cell = h("td", { title: `${pair}: ${value.toFixed(3)}` }, figure(value));
  const at = 3 * indexOf(value, -1, 1, true);
  const [r, g, b] = lut("blue-red").subarray(at, at + 3) as unknown as [number, number, number];
  cell.style.background = `rgb(${r} ${g} ${b})`;
  cell.style.color = 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#16181b" : "#ffffff";
  return cell;
}

/** Without the zero before the point, as tables of correlations have them. */
function figure(value: number): string {
  return value
    .toFixed(2)
    .replace("-", "−")
    .replace(/0(?=\.)/, "");
}
