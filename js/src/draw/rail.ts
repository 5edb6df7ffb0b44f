/** The network as a rail: which layers are stops, which of them fold into a block, and where each lies. */

import { FAMILIES, type Family, family } from "./families";

export interface RailLayer {
  name: string;
  kind: string;
  channels: number;
  grid: readonly number[] | null;
}

/** A place to stop at: one layer, or a folded block, which stands for its last layer. */
export interface Stop {
  /** Index of the layer that is chosen here. */
  layer: number;
  first: number;
  last: number;
  block: string | null;
}

/** A run of stops under one label: a block, or a stage of several blocks. */
export interface Group {
  path: string;
  label: string;
  first: number;
  last: number;
  /** Layers in it. */
  layers: number;
  folded: boolean;
}

export interface Rail {
  stops: Stop[];
  blocks: Group[];
  stages: Group[];
}

const ancestors = (name: string): string[] => {
  const parts = name.replace(/#\d+$/, "").split(".");
  return parts.map((_, i) => parts.slice(0, i + 1).join("."));
};

/**
 * The block of each layer: its outermost module that is small beside the network.
 *
 * Parents alone would make a block of every convolution with its normalisation; the outermost module of
 * at most an eighth of the layers (6 to 32 of them) is what papers call a block.
 */
export function blocksOf(names: readonly string[]): (string | null)[] {
  const counts = new Map<string, number>();
  const paths = names.map(ancestors);
  for (const path of paths) for (const part of path) counts.set(part, (counts.get(part) ?? 0) + 1);
  const limit = Math.min(32, Math.max(6, names.length / 8));
  const small = (part: string) => counts.get(part)! >= 2 && counts.get(part)! <= limit;
  // A module that is called several times is no block: `relu`, `relu#2` have no name below them.
  return paths.map((path, i) => path.find((part) => small(part) && !shared(part, names, i)) ?? null);
}

function shared(part: string, names: readonly string[], index: number): boolean {
  return names[index]!.replace(/#\d+$/, "") === part && !names.some((name) => name.startsWith(`${part}.`));
}

export function buildRail(
  names: readonly string[],
  blocks: readonly (string | null)[],
  folded: ReadonlySet<string>,
): Rail {
  const rail: Rail = { stops: [], blocks: [], stages: [] };
  for (let i = 0; i < names.length; ) {
    const block = blocks[i] ?? null;
    let end = i + 1;
    while (block !== null && end < names.length && blocks[end] === block) end++;
    const fold = block !== null && end - i > 1 && folded.has(block);
    const first = rail.stops.length;
    if (fold) rail.stops.push({ layer: end - 1, first: i, last: end - 1, block });
    else for (let k = i; k < end; k++) rail.stops.push({ layer: k, first: k, last: k, block });
    if (block !== null && end - i > 1) {
      const last = rail.stops.length - 1;
      rail.blocks.push({ path: block, label: tail(block), first, last, layers: end - i, folded: fold });
    }
    i = end;
  }
  rail.stages = stagesOf(rail.blocks);
  return rail;
}

/** Neighbouring blocks of one parent make a stage. */
function stagesOf(blocks: readonly Group[]): Group[] {
  const stages: Group[] = [];
  for (const block of blocks) {
    const path = block.path.split(".").slice(0, -1).join(".");
    const open = stages.at(-1);
    if (open && open.path === path && open.last === block.first - 1) {
      open.last = block.last;
      open.layers += block.layers;
    } else {
      stages.push({
        path,
        label: path,
        first: block.first,
        last: block.last,
        layers: block.layers,
        folded: false,
      });
    }
  }
  return stages.filter(
    ({ path, first, last }) =>
      path !== "" && blocks.filter((b) => b.first >= first && b.last <= last).length > 1,
  );
}

function tail(path: string): string {
  return path.split(".").at(-1) ?? path;
}

/** The name of a block in as many letters as there is room for: whole, then its number, then none. */
export function shortLabel(label: string, letters: number): string {
  if (label.length <= letters) return label;
  const digits = /\d+$/.exec(label)?.[0] ?? "";
  return digits !== "" && digits.length <= letters ? digits : "";
}

/** The labels of a row: whole paths where all have room, else their last names, each as short as it must be. */
export function fitLabels(paths: readonly string[], letters: readonly number[]): string[] {
  if (paths.every((path, i) => path.length <= letters[i]!)) return [...paths];
  return paths.map((path, i) => shortLabel(tail(path), letters[i]!));
}

/** Left and right end of every stop. A gap sets blocks apart, and a folded block is wider than a layer. */
export function placeStops(rail: Rail, width: number): Float64Array {
  const { stops } = rail;
  const weight = (stop: Stop) => (stop.last > stop.first ? 1.7 : 1);
  const gap = (i: number) => (i > 0 && stops[i]!.block !== stops[i - 1]!.block ? 0.4 : 0);
  const total = stops.reduce((sum, stop, i) => sum + gap(i) + weight(stop), 0);
  const unit = Math.min(44, width / Math.max(1, total));
  const ends = new Float64Array(2 * stops.length);
  let x = 0;
  stops.forEach((stop, i) => {
    x += unit * gap(i);
    ends[2 * i] = x;
    x += unit * weight(stop);
    ends[2 * i + 1] = x;
  });
  return ends;
}

/** The stop nearest to a place on the rail; -1 where there is none. */
export function stopAt(ends: Float64Array, x: number): number {
  let best = -1;
  let distance = Infinity;
  for (let i = 0; i < ends.length / 2; i++) {
    const away = Math.max(ends[2 * i]! - x, x - ends[2 * i + 1]!, 0);
    if (away < distance) [best, distance] = [i, away];
  }
  return best;
}

/** The stop of a layer, also where it is folded away. */
export function stopOf(rail: Rail, layer: number): number {
  return rail.stops.findIndex(({ first, last }) => layer >= first && layer <= last);
}

/** The stop that begins the next block, or this one or the one before. */
export function jump(rail: Rail, stop: number, direction: 1 | -1): number {
  const key = (i: number) => rail.stops[i]?.block ?? i;
  const starts = rail.stops.map((_, i) => i).filter((i) => i === 0 || key(i) !== key(i - 1));
  const found = direction > 0 ? starts.find((i) => i > stop) : starts.filter((i) => i < stop).at(-1);
  return found ?? (direction > 0 ? rail.stops.length - 1 : 0);
}

/** A bar is a mark, not an area: in a short network it leaves room at its sides. */
const WIDEST = 30;

export interface Bars {
  family: Family;
  dim: boolean;
  /** Above the line: the side of the maps. Below it: how many there are. */
  space: string;
  channels: string;
}

/** The bars as SVG paths, one of each colour: square roots, so that small layers remain visible. */
export function barPaths(
  layers: readonly RailLayer[],
  rail: Rail,
  ends: Float64Array,
  shape: { up: number; down: number; gap: number },
  lit: (stop: Stop) => boolean = () => true,
): Bars[] {
  const side = (layer: RailLayer) => Math.sqrt(Math.max(1, ...(layer.grid ?? [1])));
  const most = Math.max(...layers.map(side), 1);
  const deepest = Math.sqrt(Math.max(...layers.map((layer) => layer.channels), 1));
  const bars = new Map<string, Bars>();
  rail.stops.forEach((stop, i) => {
    const layer = layers[stop.layer]!;
    const folded = stop.last > stop.first;
    const kind = folded ? leading(layers.slice(stop.first, stop.last + 1)) : family(layer.kind);
    const dim = !lit(stop);
    const key = `${kind} ${dim}`;
    const bar = bars.get(key) ?? { family: kind, dim, space: "", channels: "" };
    bars.set(key, bar);
    const room = ends[2 * i + 1]! - ends[2 * i]!;
    const width = Math.min(WIDEST, Math.max(0.8, room - Math.min(shape.gap, room * 0.3)));
    const x = ends[2 * i]! + (room - width) / 2;
    const up = Math.max(2, ((shape.up - 3) * side(layer)) / most);
    const down = Math.max(2, (shape.down * Math.sqrt(layer.channels)) / deepest);
    bar.space += box(x, shape.up - up, width, up);
    // As of a pile of cards: the edge of more behind it.
    if (folded) bar.space += box(x + width * 0.12, shape.up - up - 3, width * 0.76, 1.5);
    bar.channels += box(x, shape.up + 1, width, down);
  });
  return [...bars.values()];
}

/** What a block is about: attention if it has any, else convolutions, else the rest. */
function leading(layers: readonly RailLayer[]): Family {
  const kinds = new Set(layers.map((layer) => family(layer.kind)));
  const ranks: readonly Family[] = ["attention", "conv", "linear", "pool", "activation", "norm"];
  return ranks.find((kind) => kinds.has(kind)) ?? "other";
}

const box = (x: number, y: number, width: number, height: number) =>
  `M${x.toFixed(2)} ${y.toFixed(2)}h${width.toFixed(2)}v${height.toFixed(2)}h${(-width).toFixed(2)}z`;

/** The families that a network has, in the order of a legend. */
export function familiesOf(layers: readonly RailLayer[]): Family[] {
  const present = new Set(layers.map((layer) => family(layer.kind)));
  return FAMILIES.filter((name) => present.has(name));
}
