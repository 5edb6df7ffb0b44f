/** One channel large, what it says at a spot, and where that spot lies on the input image. */

import { gradient } from "../../draw/colormap";
import { paintPicture } from "../../draw/heatmap";
import { type Plane, plane, type Tensor, valueAt } from "../../draw/plane";
import { fit, pen, Scratch } from "../../draw/surface";
import { centred, contain, paintOne, type Range } from "../../draw/tiles";
import { attribute, fill, h, listen, write } from "../../ui/element";
import { readable, signed } from "../../ui/number";
import type { Content } from "./content";
import type { Cell } from "./gallery";

export interface Look {
  content: Content;
  channel: number;
  cell: Cell | null;
  label: string;
  colormap: string;
  range: Range;
  /** Side of what one position can depend on, in pixels of the input. */
  field: number | null;
  score: number | null;
}

/** The box in a picture of `width` × `height` that a cell of a map of `columns` × `rows` covers. */
export function cellBox(cell: Cell, columns: number, rows: number, width: number, height: number) {
  const [w, h] = [width / columns, height / rows];
  return { x: cell.x * w, y: cell.y * h, width: w, height: h };
}

export class Inspector {
  readonly element: HTMLElement;
  #title = h("div", { class: "xw-fm-title" });
  #map = h("canvas", { class: "xw-fm-large", role: "img" });
  /** Takes the focus for the spot on the map. An application: a reader leaves it the arrow keys. */
  #probe = h(
    "div",
    { class: "xw-fm-probe", "aria-label": "Large map: arrow keys read its values" },
    this.#map,
  );
  #low = h("span", {});
  #high = h("span", {});
  #mark = h("i", { class: "xw-fm-mark" });
  #bar = h("div", { class: "xw-fm-bar xw-colorbar" }, this.#mark);
  #spot = h("div", { class: "xw-fm-spot" });
  #figures = h("div", { class: "xw-fm-figures" });
  #picture = h("canvas", { class: "xw-fm-picture", role: "img" });
  #where = h("figcaption", { class: "xw-fm-where" });
  #input: Tensor | null = null;
  #inputCanvas = new Scratch(document);
  #scratch = new Scratch(document);
  #look: Look | null = null;
  #off: (() => void)[];

  constructor(private readonly pointed: (cell: Cell | null) => void) {
    const scale = h(
      "div",
      { class: "xw-fm-scale" },
      this.#bar,
      h("div", { class: "xw-fm-ends" }, this.#low, this.#high),
    );
    const figure = h("figure", {}, this.#picture, this.#where);
    this.element = h(
      "aside",
      { class: "xw-fm-side" },
      this.#title,
      this.#probe,
      scale,
      this.#spot,
      this.#figures,
      figure,
    );
    this.#off = [
      listen(this.#map, "pointermove", (event) => this.#point(event)),
      listen(this.#map, "pointerleave", () => pointed(null)),
      listen(this.#probe, "keydown", (event) => this.#key(event)),
    ];
  }

  dispose(): void {
    for (const off of this.#off) off();
  }

  /** The input image `(h, w, 3)`, onto which spots are drawn. */
  picture(tensor: Tensor | null): void {
    if (tensor === this.#input) return;
    this.#input = tensor;
    if (!tensor) return;
    const [height, width] = tensor.shape as [number, number];
    const exact = new Uint32Array(width * height);
    paintPicture(tensor.data, exact);
    const words = this.#inputCanvas.words(width, height);
    const stride = this.#inputCanvas.canvas.width;
    for (let y = 0; y < height; y++) words.set(exact.subarray(y * width, (y + 1) * width), y * stride);
    this.#inputCanvas.commit(width, height);
  }

  show(look: Look | null): void {
    this.#look = look;
    this.element.dataset.empty = String(look === null);
    if (!look) return;
    const { content, channel, cell } = look;
    const map = content.maps ? plane(content.maps, channel) : null;
    write(this.#title, look.label);
    this.#title.title = look.label;
    const value = map ? (cell ? valueAt(map, cell.x, cell.y) : null) : content.values![channel]!;
    if (map) this.#paintMap(map, look);
    else this.#paintCurve(content.values!, channel);
    this.element.dataset.view = map ? "maps" : "vector";
    attribute(this.#probe, "tabindex", map && 0);
    attribute(this.#probe, "role", map ? "application" : "group");
    this.#scale(look, value, map !== null);
    this.#read(look, map, value);
    if (map) this.#paintPicture(map, cell, look.field);
  }

  #side(): number {
    return Math.max(40, this.element.clientWidth);
  }

  #box(map: Plane) {
    const side = this.#side();
    return contain(map.width, map.height, { x: 0, y: 0, width: side, height: side });
  }

  #paintMap(map: Plane, { cell, colormap, range, label, channel }: Look): void {
    const side = this.#side();
    fit(this.#map, side, side);
    this.#map.setAttribute("aria-label", `${label}, ${map.height} by ${map.width}`);
    this.#map.dataset.channel = String(channel);
    const context = pen(this.#map);
    if (!context) return;
    context.clearRect(0, 0, side, side);
    const box = this.#box(map);
    paintOne(context, this.#scratch, map, colormap, range, box);
    if (cell) outline(context, shift(cellBox(cell, map.width, map.height, box.width, box.height), box), 3);
  }

  /** All units in falling order, with a mark at this one. */
  #paintCurve(values: ArrayLike<number>, channel: number): void {
    const side = this.#side();
    const height = Math.round(side * 0.6);
    fit(this.#map, side, height);
    this.#map.setAttribute("aria-label", `All ${values.length} units in falling order`);
    const context = pen(this.#map);
    if (!context) return;
    const style = getComputedStyle(this.element);
    const sorted = Float64Array.from(values).sort().reverse();
    const [high, low] = [Math.max(0, sorted[0] ?? 0), Math.min(0, sorted.at(-1) ?? 0)];
    const y = (value: number) => 4 + ((high - value) / (high - low || 1)) * (height - 8);
    const x = (place: number) => (place / Math.max(1, sorted.length - 1)) * (side - 1) + 0.5;
    context.clearRect(0, 0, side, height);
    context.fillStyle = style.borderTopColor;
    context.fillRect(0, Math.round(y(0)), side, 1);
    context.fillStyle = style.color;
    context.globalAlpha = 0.28;
    context.beginPath();
    context.moveTo(0, y(0));
    for (const [place, value] of sorted.entries()) context.lineTo(x(place), y(value));
    context.lineTo(side, y(0));
    context.fill();
    context.globalAlpha = 1;
    const place = sorted.indexOf(values[channel]!);
    context.fillRect(
      Math.round(x(place)) - 1,
      Math.min(y(0), y(values[channel]!)) - 2,
      2,
      Math.abs(y(0) - y(values[channel]!)) + 4,
    );
  }

  #scale({ range, colormap }: Look, value: number | null, shown: boolean): void {
    const [low, high] = centred(range, colormap);
    (this.#bar.parentElement as HTMLElement).hidden = !shown;
    this.#bar.style.backgroundImage = gradient(colormap);
    write(this.#low, readable(low));
    write(this.#high, readable(high));
    this.#mark.hidden = value === null;
    if (value !== null && high > low) this.#mark.style.left = `${(100 * (value - low)) / (high - low)}%`;
  }

  #read({ content, channel, cell, score }: Look, map: Plane | null, value: number | null): void {
    const { reduced, statistics } = content;
    const at = cell
      ? `row ${cell.y * reduced}, column ${cell.x * reduced}`
      : map
        ? "point at a spot"
        : "activation";
    const reading = value === null ? "" : signed(value);
    fill(this.#spot, [h("span", {}, at), h("span", { class: "xw-fm-value" }, reading)]);
    this.#spot.dataset.value = value === null ? "" : String(value);
    const figure = (label: string, number: number | undefined | null) =>
      number === undefined || number === null ? null : pair(label, readable(number));
    if (map) {
      fill(this.#figures, [
        figure("mean", statistics.mean?.[channel]),
        figure("max", statistics.max?.[channel]),
        figure("variance", statistics.variance?.[channel]),
        figure("score", score),
      ]);
    } else {
      const values = content.values!;
      let rank = 1;
      for (let i = 0; i < values.length; i++) if (values[i]! > value!) rank += 1;
      const place = pair("rank", `${rank} of ${values.length}`);
      fill(this.#figures, [place, figure("score", score)]);
    }
  }

  #paintPicture(map: Plane, cell: Cell | null, field: number | null): void {
    const input = this.#input;
    if (!input) return;
    const side = this.#side();
    const [h, w] = input.shape as [number, number];
    const box = contain(w, h, { x: 0, y: 0, width: side, height: side });
    fit(this.#picture, side, side);
    write(
      this.#where,
      cell
        ? spotText(cellBox(cell, map.width, map.height, w, h), field)
        : "the image, as the network sees it",
    );
    this.#picture.setAttribute("aria-label", this.#where.textContent ?? "");
    const context = pen(this.#picture);
    if (!context) return;
    context.clearRect(0, 0, side, side);
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = box.width > w ? w > 64 : true;
    context.drawImage(this.#inputCanvas.canvas, 0, 0, w, h, box.x, box.y, box.width, box.height);
    if (!cell) return;
    const scale = box.width / w;
    const spot = cellBox(cell, map.width, map.height, box.width, box.height);
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.width, box.height);
    context.clip();
    if (field !== null && field * scale > spot.width) {
      const [x, y] = [box.x + spot.x + spot.width / 2, box.y + spot.y + spot.height / 2];
      const half = (field * scale) / 2;
      context.setLineDash([4, 3]);
      outline(context, { x: x - half, y: y - half, width: 2 * half, height: 2 * half }, 0);
      context.setLineDash([]);
    }
    outline(context, shift(spot, box), 4);
    context.restore();
  }

  #key(event: KeyboardEvent): void {
    const { content, channel, cell } = this.#look ?? {};
    if (!content?.maps || event.ctrlKey || event.metaKey || event.altKey) return;
    const leaving = event.key === "Escape" && cell;
    const next = leaving ? null : stepped(event.key, cell ?? null, plane(content.maps, channel));
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    attribute(this.#spot, "aria-live", "polite");
    this.pointed(next);
  }

  #point(event: PointerEvent): void {
    const maps = this.#look?.content.maps;
    if (!maps) return;
    // What the keys read is said aloud; a moving pointer would never be silent.
    attribute(this.#spot, "aria-live", "off");
    const map = plane(maps, this.#look!.channel);
    const box = this.#box(map);
    const frame = this.#map.getBoundingClientRect();
    const x = Math.floor(((event.clientX - frame.left - box.x) / box.width) * map.width);
    const y = Math.floor(((event.clientY - frame.top - box.y) / box.height) * map.height);
    this.pointed(x >= 0 && y >= 0 && x < map.width && y < map.height ? { x, y } : null);
  }
}

/** Not a `dl`: notebooks give those floats and tables of their own. */
function pair(label: string, text: string): HTMLElement {
  return h("div", {}, h("span", {}, label), h("span", { class: "xw-fm-value" }, text));
}

/** Where a key moves the spot; the first one brings it to the middle. Undefined for keys that mean nothing here. */
function stepped(key: string, cell: Cell | null, { width, height }: Plane): Cell | undefined {
  const moves: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
    Home: [-width, 0],
    End: [width, 0],
  };
  const move = moves[key];
  if (!move) return undefined;
  if (!cell) return { x: Math.floor(width / 2), y: Math.floor(height / 2) };
  const inside = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
  return { x: inside(cell.x + move[0], width), y: inside(cell.y + move[1], height) };
}

interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

function shift(rect: Rect, by: Rect): Rect {
  return { ...rect, x: rect.x + by.x, y: rect.y + by.y };
}

/** A frame that is seen on any ground: white within dark. At least `least` pixels wide. */
function outline(context: CanvasRenderingContext2D, rect: Rect, least: number): void {
  const grow = { x: Math.max(0, least - rect.width) / 2, y: Math.max(0, least - rect.height) / 2 };
  const at = [rect.x - grow.x, rect.y - grow.y, rect.width + 2 * grow.x, rect.height + 2 * grow.y] as const;
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / 0.7)";
  context.strokeRect(...at);
  context.lineWidth = 1.4;
  context.strokeStyle = "#fff";
  context.strokeRect(...at);
}

function spotText(box: Rect, field: number | null): string {
  const span = (from: number, size: number) => `${Math.round(from)}–${Math.round(from + size)}`;
  const seen = field === null ? "" : ` · sees ${field} px`;
  return `x ${span(box.x, box.width)}, y ${span(box.y, box.height)} px${seen}`;
}
