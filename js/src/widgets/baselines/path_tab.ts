/** The way from the baseline to the image: four pictures, one α. */

import { clipRange, type Plane } from "../../draw/plane";
import type { Frame } from "../../live/client";
import { attribute, h, write } from "../../ui/element";
import type { Evidence } from "../../ui/evidence";
import { percent, readable, signed } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { byKey, slider } from "../../ui/slider";
import { ScaleBar } from "../attribution/scale";
import { strongest } from "../attribution/words";
import type { Actions, Known, Tab } from "./known";
import { blend, dot, mix, pooled, totals, weightsAt, weightsUpTo } from "./path";
import { hex, showMap, valueUnder } from "./pictures";
import { figure, follow } from "./preview";

/** What is kept of a frame, so that scrubbing only adds up. */
interface Walked {
  frame: Frame;
  nodes: Float32Array;
  outputs: Float32Array;
  /** What the map at each node adds up to. */
  sums: Float64Array;
  whole: Plane;
  gradient: Float32Array;
  sum: Float32Array;
}

const ALPHA = { low: 0, high: 1, step: 0.01, log: false };

export class PathTab implements Tab {
  readonly element: HTMLElement;
  readonly reference = new Pane("reference");
  #between = new Pane("between");
  #gradient = new Pane("gradient");
  #sum = new Pane("sum");
  #gradientScale = new ScaleBar();
  #sumScale = new ScaleBar();
  #reading = h("output", { class: "xw-reading" });
  #ticks = h("div", { class: "xw-bl-ticks", "aria-hidden": "true" });
  #alpha = slider({
    label: "α, the share of the way",
    ...ALPHA,
    value: 0.5,
    onInput: (alpha) => this.actions.look({ alpha }),
  });
  #start = h("span", {});
  #middle = h("span", { class: "xw-bl-facts", "aria-live": "off" });
  #end = h("span", {});
  #saturation = h("p", { class: "xw-bl-note" });
  #captions = {
    reference: h("span", {}, "Baseline"),
    between: h("span", {}),
    gradient: h("span", {}),
    sum: h("span", {}),
  };
  #walked: Walked | null = null;
  #maps: { gradient: Plane; sum: Plane } | null = null;
  #known: Known | null = null;
  #spot: Spot | null = null;

  constructor(private readonly actions: Actions) {
    const { reference, between, gradient, sum } = this.#captions;
    const row = h(
      "div",
      { class: "xw-bl-row" },
      figure(reference, this.reference),
      figure(between, this.#between),
      figure(gradient, this.#gradient, this.#gradientScale.element),
      figure(sum, this.#sum, this.#sumScale.element),
      this.#reading,
    );
    this.#alpha.element.append(this.#ticks);
    const ends = h("div", { class: "xw-bl-ends" }, this.#start, this.#middle, this.#end);
    const way = h("div", { class: "xw-bl-alpha" }, this.#alpha.element, ends, this.#saturation);
    this.element = h("div", { class: "xw-bl-path" }, row, way);
    const size = () => this.#size;
    for (const pane of this.#panes) follow(pane, size, (spot) => this.actions.point(spot));
  }

  show(known: Known): void {
    this.#known = known;
    const frame = known.frames.get("path");
    if (frame !== this.#walked?.frame) this.#walked = frame ? walk(frame) : null;
    this.#alpha.set(known.look.alpha);
    this.#paint();
    this.#say();
    this.#read();
  }

  point(spot: Spot | null): void {
    this.#spot = spot;
    for (const pane of this.#panes) pane.cross(spot, ...this.#size);
    this.#read();
  }

  key(event: KeyboardEvent): boolean {
    const next = byKey(event, this.#known?.look.alpha ?? 0.5, ALPHA);
    if (next !== null) this.actions.look({ alpha: Math.min(1, Math.max(0, Number(next.toFixed(2)))) });
    return next !== null;
  }

  evidence({ meta }: Frame): Evidence | null {
    return meta?.evidence ?? null;
  }

  get #panes(): Pane[] {
    return [this.reference, this.#between, this.#gradient, this.#sum];
  }

  get #size(): [number, number] {
    const [height, width] = this.#walked?.frame.arrays.picture?.shape ?? [1, 1];
    return [width!, height!];
  }

  #paint(): void {
    const walked = this.#walked;
    if (!walked) {
      for (const pane of this.#panes.slice(1)) pane.clear();
      for (const scale of [this.#gradientScale, this.#sumScale])
        scale.show(null, { sign: "both", colormap: "auto", clip: 99 });
      return;
    }
    const { alpha, clip, colormap } = this.#known!.look;
    const { maps, picture, reference } = walked.frame.arrays;
    const [width, height] = this.#size;
    this.#between.draw(width, height, (out) => blend(reference!.data, picture!.data, alpha, out));
    const gradient = mix(maps!, weightsAt(walked.nodes, alpha), walked.gradient);
    const sum = mix(maps!, weightsUpTo(walked.nodes, alpha), walked.sum);
    this.#maps = { gradient, sum };
    const look = { sign: "both" as const, clip, colormap };
    // One scale for every α, or nothing could be seen to grow or to fade.
    const steepest = clipRange(pooled(maps!), clip, "both")[1];
    const whole = clipRange(walked.whole, clip, "both")[1];
    showMap(this.#gradient, gradient, steepest, look);
    showMap(this.#sum, sum, whole, look);
    this.#gradientScale.show(steepest, look);
    this.#sumScale.show(whole, look);
  }

  #say(): void {
    const { alpha } = this.#known!.look;
    const at = alpha.toFixed(2);
    write(this.#captions.between, `At α ${at}`);
    write(this.#captions.gradient, "Gradient there × way");
    write(this.#captions.sum, `Summed up to α ${at}`);
    const walked = this.#walked;
    this.#mark(walked);
    if (!walked) {
      for (const place of [this.#start, this.#middle, this.#end, this.#saturation]) write(place, "");
      return;
    }
    const { nodes, outputs, sums, frame } = walked;
    const { meta } = frame;
    const known = nodes.length > 1;
    const output = dot(weightsAt(nodes, alpha), outputs);
    const sum = dot(weightsUpTo(nodes, alpha), sums);
    const share = known && meta.total ? ` (${percent(sum / meta.total, 0)} of the difference)` : "";
    write(this.#start, known ? `baseline: f ${readable(outputs[0]!)}` : "baseline");
    write(this.#end, known ? `image: f ${readable(outputs.at(-1)!)}` : "image");
    write(this.#middle, `f ${readable(output)} · summed so far ${signed(sum)}${share}`);
    write(this.#saturation, saturationWords(meta));
    this.#describe(meta, at);
  }

  #describe(meta: Frame["meta"], at: string): void {
    const { gradient, sum } = this.#maps!;
    const peak = (map: Plane) => {
      const { x, y, value } = strongest(map);
      return `strongest at x ${x}, y ${y} with ${signed(value)}`;
    };
    attribute(this.reference.canvas, "aria-label", `The baseline: ${meta.label}`);
    attribute(this.#between.canvas, "aria-label", `The picture at ${at} of the way from ${meta.label}`);
    attribute(this.#gradient.canvas, "aria-label", `Gradient times way at α ${at}: ${peak(gradient)}`);
    attribute(this.#sum.canvas, "aria-label", `Attributions summed up to α ${at}: ${peak(sum)}`);
  }

  /** Ticks where gradients were asked, and the range in which the output hardly moves any more. */
  #mark(walked: Walked | null): void {
    const part: [number, number] | null = walked?.frame.meta.saturated ?? null;
    attribute(this.#ticks, "data-saturated", part?.map((end) => end.toFixed(3)).join(" ") ?? null);
    const [from, to] = part ?? [1, 1];
    this.#ticks.style.setProperty("--from", String(from));
    this.#ticks.style.setProperty("--to", String(to));
    const places = [...(walked?.nodes ?? [])];
    if (this.#ticks.childElementCount === places.length) return;
    const tick = (node: number) => {
      const mark = h("i", {});
      mark.style.setProperty("--at", String(node));
      return mark;
    };
    this.#ticks.replaceChildren(...places.map(tick));
  }

  #read(): void {
    const [spot, maps] = [this.#spot, this.#maps];
    const arrays = this.#walked?.frame.arrays;
    const hint = !spot || !maps || !arrays;
    this.#reading.toggleAttribute("data-hint", hint);
    if (hint) {
      write(this.#reading, "Point at a picture to read its values.");
      return;
    }
    const [width] = this.#size;
    const colour = ({ data }: { data: ArrayLike<number> }) => hex(data, spot.y * width + spot.x);
    const value = (map: Plane) => signed(valueUnder(map, spot, this.#size));
    const place = `x ${spot.x}  y ${spot.y}   ${colour(arrays.reference!)} → ${colour(arrays.picture!)}`;
    const values = `gradient × way ${value(maps.gradient)}   summed ${value(maps.sum)}`;
    write(this.#reading, `${place}\n${values}`);
  }
}

function walk(frame: Frame): Walked {
  const { nodes, outputs, maps } = frame.arrays as Record<string, NonNullable<Frame["arrays"][string]>>;
  const size = maps!.shape[1]! * maps!.shape[2]!;
  const places = nodes!.data as Float32Array;
  return {
    frame,
    nodes: places,
    outputs: outputs!.data as Float32Array,
    sums: totals(maps!),
    whole: mix(maps!, weightsUpTo(places, 1), new Float32Array(size)),
    gradient: new Float32Array(size),
    sum: new Float32Array(size),
  };
}

function saturationWords({
  total,
  saturated,
}: {
  total?: number | null;
  saturated?: [number, number] | null;
}): string {
  if (typeof total !== "number") return "";
  if (!saturated) return "Not saturated: the output keeps moving along the way.";
  const [from, to] = saturated.map((end) => end.toFixed(2));
  return `Saturated from α ${from} to ${to}: the output changes by less than 10 % there, so gradients say little.`;
}
