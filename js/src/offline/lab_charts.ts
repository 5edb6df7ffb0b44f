/** The charts below the baseline lab, which are bqplot's in the notebook: the path, and the ablation. */

import { Client, type Frame } from "../live/client";
import { canonical } from "../live/messages";
import { percent, readable } from "../ui/number";
import { type Look, USUAL, wishOf } from "../widgets/baselines/known";
import { dot, totals, weightsUpTo } from "../widgets/baselines/path";
import { Chart, type Line, type Shown } from "./chart";
import { Model, type Session } from "./model";

/** As in `plots.py`. */
const OUTPUT = "#5b9bd5";
const SUM = "#e0720c";
const GAP = "#d6336c";
const RANDOM = "#8a8f98";
const TRAITS = ["tab", "alpha", "share", "baselines", "fill"] as const;

export class LabCharts {
  readonly elements: HTMLElement[];
  #client: Client;
  #charts = {
    path: new Chart("The model's output and the accumulated attributions along the path"),
    ablation: new Chart("The target as pixels are taken away"),
  };

  constructor(
    private readonly lab: Model,
    session: Session,
  ) {
    this.elements = Object.values(this.#charts).map(({ element }) => element);
    this.#client = Client.connect(new Model(session, {}));
    this.#client.onWelcome(() => this.#ask());
    this.#client.onSelect(() => this.#ask());
    this.#client.feed("path").onFrame((frame) => this.#arrived("path", frame));
    this.#client.feed("ablation").onFrame((frame) => this.#arrived("ablation", frame));
    for (const trait of TRAITS) lab.on(`change:${trait}`, () => this.#ask());
    this.#ask();
  }

  get #look(): Look {
    const entries = Object.entries(USUAL).map(([key, usual]) => [key, this.lab.get(key) ?? usual]);
    return Object.fromEntries(entries) as Look;
  }

  #ask(): void {
    const look = this.#look;
    const { path, ablation } = this.#charts;
    path.point(look.alpha);
    ablation.point(look.share);
    path.element.hidden = look.tab !== "path";
    ablation.element.hidden = look.tab !== "ablation";
    const wish = this.#wish(look.tab);
    if (wish && (look.tab === "path" || look.tab === "ablation")) this.#client.feed(look.tab).request(wish);
  }

  #wish(topic: Look["tab"]) {
    const { welcome, values } = this.#client;
    return welcome && wishOf(topic, welcome, values, this.#look);
  }

  #arrived(topic: "path" | "ablation", frame: Frame): void {
    if (canonical(frame.params) !== canonical(this.#wish(topic))) return;
    this.#charts[topic].show(topic === "path" ? pathOf(frame) : ablationOf(frame));
  }
}

/** f along the path and the sum of the attributions so far: where they meet at the end, nothing is missing. */
export function pathOf({ arrays, meta }: Frame): Shown {
  const nodes = arrays.nodes!.data;
  const outputs = arrays.outputs!.data;
  const at = totals(arrays.maps!);
  const sums = Array.from(nodes, (alpha) => dot(weightsUpTo(nodes, alpha), at));
  const lines: Line[] = [
    {
      x: nodes,
      y: Array.from(outputs, (value) => value - outputs[0]!),
      color: OUTPUT,
      width: 5,
      opacity: 0.6,
      words: "f(γ(α)) − f(x′), the model's output",
    },
    { x: nodes, y: sums, color: SUM, dashed: true, words: "attributions accumulated up to α" },
  ];
  if (typeof meta.gap === "number")
    lines.push({
      x: [1, 1],
      y: [sums.at(-1)!, meta.total],
      color: GAP,
      width: 4,
      words: `completeness gap ${percent(meta.gap)}`,
    });
  const [from, to]: [number, number] = meta.saturated ?? [0, 0];
  const words = `saturated from α = ${from.toFixed(2)} to ${to.toFixed(2)} (changes by less than 10 %)`;
  return {
    across: "α: from the baseline (0) to the image (1)",
    up: "f(γ(α)) − f(x′)",
    tick: (value) => value.toFixed(1),
    lines,
    band: to > from ? { from, to, words } : null,
  };
}

/** One curve a baseline, the random orders in grey. */
export function ablationOf({ arrays, meta }: Frame): Shown {
  const shares = arrays.shares!.data;
  const rows = ({ data, shape }: NonNullable<Frame["arrays"][string]>) =>
    Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * shape[1]!, (i + 1) * shape[1]!));
  const random = rows(arrays.random!);
  const mean = Array.from(shares, (_, i) => random.reduce((sum, row) => sum + row[i]!, 0) / random.length);
  const curves = rows(arrays.curves!).map((y, i): Line => {
    const { label, area, color } = meta.entries[i];
    const words = typeof area === "number" ? `${label}: ${readable(area)}` : label;
    return { x: shares, y, color, words };
  });
  return {
    across: "share of the pixels taken away",
    up: "f, the target",
    tick: (value) => percent(value, 0),
    lines: [
      ...random.map((y): Line => ({ x: shares, y, color: RANDOM, width: 1, opacity: 0.55 })),
      { x: shares, y: mean, color: RANDOM, width: 3, words: `random order: ${readable(meta.random_area)}` },
      ...curves.filter(({ y }) => Array.from(y).every(Number.isFinite)),
    ],
    band: null,
  };
}
