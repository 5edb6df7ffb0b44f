/** All channels as one scrolling canvas, of which only what is in the window is painted. */

import { boxOf, type Grid, hit, layoutRows, layoutTiles, move, reveal, visible } from "../../draw/grid";
import { fit, pen, Scratch } from "../../draw/surface";
import { paintRows, paintTiles, type Range } from "../../draw/tiles";
import { h, listen, uid } from "../../ui/element";
import { readable, signed } from "../../ui/number";
import type { Content } from "./content";

const PAD = 4;
const CAPTION = 16;
const ROW = 20;
const NEAR = 6;

export interface Cell {
  x: number;
  y: number;
}

export interface Shown {
  content: Content;
  order: Uint32Array;
  /** Numbers under the tiles; null for none. */
  keys: ArrayLike<number> | null;
  colormap: string;
  range: Range | null;
  tile: number;
  label(channel: number): string;
  summary: string;
}

interface Events {
  scrolled(): void;
  pointed(channel: number, cell: Cell | null): void;
  left(): void;
  chose(channel: number): void;
}

export class Gallery {
  readonly element: HTMLElement;
  readonly list = h("div", {
    class: "xw-fm-list",
    role: "listbox",
    tabindex: 0,
  });
  #canvas = h("canvas", { role: "img" });
  #rings = {
    hover: h("div", { class: "xw-fm-ring xw-fm-hover", hidden: true }),
    active: h("div", { class: "xw-fm-ring xw-fm-active", hidden: true }),
    selected: h("div", { class: "xw-fm-ring xw-fm-selected", hidden: true }),
  };
  #sizer: HTMLElement;
  #scratch = new Scratch(document);
  #shown: Shown | null = null;
  #grid: Grid = layoutRows(0, 8, ROW);
  #active = 0;
  #selected: number | null = null;
  #cleanups: (() => void)[];

  constructor(private readonly events: Events) {
    const { hover, active, selected } = this.#rings;
    this.#sizer = h("div", { class: "xw-fm-sizer" }, this.#canvas, hover, selected, active);
    this.element = h("div", { class: "xw-fm-scroll", tabindex: -1 }, this.list, this.#sizer);
    this.list.id = uid("maps");
    this.#cleanups = [
      listen(this.element, "scroll", () => events.scrolled(), { passive: true }),
      listen(this.#sizer, "pointermove", (event) => this.#point(event)),
      listen(this.#sizer, "pointerleave", () => this.#leave()),
      listen(this.#sizer, "click", (event) => this.#click(event)),
    ];
  }

  dispose(): void {
    for (const cleanup of this.#cleanups) cleanup();
  }

  get grid(): Grid {
    return this.#grid;
  }

  /** The channel under the keyboard. */
  get active(): number {
    return this.#shown?.order[this.#active] ?? 0;
  }

  /** Show something else. Another layer or order starts at its top. */
  set(shown: Shown, selected: number | null): void {
    const before = this.#shown;
    const moved =
      before === null ||
      before.content.layer !== shown.content.layer ||
      !sameOrder(before.order, shown.order);
    this.#shown = shown;
    this.#selected = selected;
    this.#layout();
    if (!moved) return;
    this.#active = Math.max(0, selected === null ? 0 : shown.order.indexOf(selected));
    this.#rings.hover.hidden = true;
    this.element.scrollTop = 0;
    this.#options();
  }

  select(channel: number | null): void {
    this.#selected = channel;
    const place = channel === null ? -1 : (this.#shown?.order.indexOf(channel) ?? -1);
    if (place >= 0) this.#active = place;
    this.#placeRings();
    this.#options();
  }

  /** The focus moved: the tile under the keyboard is in sight and marked while keys reach it. */
  focus(): void {
    if (this.element.ownerDocument.activeElement === this.list) this.#reveal();
    this.#placeRings();
  }

  /** Paint the window. Returns what it shows: first place and the one after the last. */
  paint(): readonly [number, number] {
    this.#layout();
    const [width, height] = [this.element.clientWidth, this.#height()];
    fit(this.#canvas, width, height);
    const context = pen(this.#canvas);
    const shown = this.#shown;
    if (!shown) return [0, 0];
    const top = this.element.scrollTop - PAD;
    const window = visible(this.#grid, top, height);
    this.#canvas.setAttribute("aria-label", shown.summary);
    this.#placeRings();
    if (!context) return window;
    context.clearRect(0, 0, width, height);
    context.translate(PAD, 0);
    if (shown.content.maps) this.#paintTiles(context, shown, window, top);
    else if (shown.content.values) this.#paintRows(context, shown, shown.content.values, window, top);
    return window;
  }

  /** A key on the panel; true where it meant something. */
  key(key: string): boolean {
    if (!this.#shown) return false;
    if (key === "Enter" || key === " ") {
      this.events.chose(this.active);
      return true;
    }
    const next = move(this.#grid, this.#active, key, this.#height());
    if (next === null) return false;
    this.#active = next;
    this.#reveal();
    this.#placeRings();
    this.#options();
    this.events.pointed(this.active, null);
    return true;
  }

  #reveal(): void {
    const { scrollTop } = this.element;
    this.element.scrollTop = reveal(this.#grid, this.#active, scrollTop, this.#height() - 2 * PAD);
  }

  #layout(): void {
    const shown = this.#shown;
    if (!shown) return;
    const width = Math.max(8, this.element.clientWidth - 2 * PAD);
    const { maps, channels } = shown.content;
    if (maps) {
      const [h, w] = maps.shape.slice(-2) as [number, number];
      const aspect = Math.min(4, Math.max(0.25, h / w));
      const caption = shown.tile >= 36 ? CAPTION : 0;
      this.#grid = layoutTiles(channels, width, {
        tile: shown.tile,
        aspect,
        caption,
        gap: shown.tile < 36 ? 3 : 6,
      });
    } else this.#grid = layoutRows(channels, width, ROW);
    this.#sizer.style.height = `${Math.max(this.#height(), this.#grid.height + 2 * PAD)}px`;
  }

  #paintTiles(
    context: CanvasRenderingContext2D,
    shown: Shown,
    window: readonly [number, number],
    top: number,
  ): void {
    const { order, colormap, range, keys } = shown;
    const maps = shown.content.maps!;
    paintTiles(context, this.#scratch, { maps, grid: this.#grid, order, window, top, colormap, range });
    if (this.#grid.cellHeight === this.#grid.mapHeight) return;
    const style = getComputedStyle(this.element);
    context.fillStyle = style.color;
    context.font = `400 11px ${style.fontFamily}`;
    context.textBaseline = "alphabetic";
    for (let place = window[0]; place < window[1]; place++) {
      const box = boxOf(this.#grid, place);
      const y = box.y - top + box.height + 12;
      const channel = order[place]!;
      context.globalAlpha = 0.66;
      context.textAlign = "left";
      context.fillText(String(channel), box.x, y);
      if (keys === null || box.width < 56) continue;
      context.globalAlpha = 0.9;
      context.textAlign = "right";
      context.fillText(readable(keys[channel]!), box.x + box.width, y);
    }
    context.globalAlpha = 1;
  }

  #paintRows(
    context: CanvasRenderingContext2D,
    shown: Shown,
    values: ArrayLike<number>,
    window: readonly [number, number],
    top: number,
  ): void {
    const style = getComputedStyle(this.element);
    paintRows(context, {
      values,
      grid: this.#grid,
      order: shown.order,
      window,
      top,
      label: shown.label,
      figure: signed,
      ink: style.color,
      font: `400 12px ${style.fontFamily}`,
      positive: "#d4553f",
      negative: "#3f85d8",
      line: style.borderTopColor,
    });
  }

  #height(): number {
    return this.element.clientHeight;
  }

  #at(event: MouseEvent): { channel: number; cell: Cell | null; place: number } | null {
    if (!this.#shown) return null;
    const frame = this.#sizer.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left - PAD, event.clientY - frame.top - PAD];
    const place = hit(this.#grid, x, y);
    if (place < 0) return null;
    const box = boxOf(this.#grid, place);
    const { maps } = this.#shown.content;
    const [h, w] = (maps?.shape.slice(-2) ?? [0, 0]) as [number, number];
    const cell = {
      x: Math.floor(((x - box.x) / box.width) * w),
      y: Math.floor(((y - box.y) / box.height) * h),
    };
    return { channel: this.#shown.order[place]!, place, cell: maps && cell.y < h ? cell : null };
  }

  #point(event: PointerEvent): void {
    const at = this.#at(event);
    this.#ring("hover", at?.place ?? -1);
    if (at) this.events.pointed(at.channel, at.cell);
  }

  #leave(): void {
    this.#ring("hover", -1);
    this.events.left();
  }

  #click(event: MouseEvent): void {
    const at = this.#at(event);
    this.list.focus({ preventScroll: true });
    if (!at) return;
    this.#active = at.place;
    this.events.chose(at.channel);
  }

  #ring(name: "hover" | "active" | "selected", place: number): void {
    const ring = this.#rings[name];
    ring.hidden = place < 0;
    if (place < 0) return;
    const box = boxOf(this.#grid, place);
    Object.assign(ring.style, {
      left: `${box.x + PAD}px`,
      top: `${box.y + PAD}px`,
      width: `${box.width}px`,
      height: `${box.height}px`,
    });
  }

  #placeRings(): void {
    const focus = this.element.ownerDocument.activeElement;
    const focused = focus === this.list || (focus !== null && focus === this.element.closest(".xw-root"));
    this.#ring("active", focused && this.#grid.count > 0 ? this.#active : -1);
    const selected = this.#selected === null ? -1 : (this.#shown?.order.indexOf(this.#selected) ?? -1);
    this.#ring("selected", selected);
  }

  /** The listbox that a reader meets: the tile under the keyboard and its neighbours, of so many. */
  #options(): void {
    const shown = this.#shown;
    if (!shown) return;
    const id = (place: number) => `${this.list.id}-${place}`;
    const options: HTMLElement[] = [];
    const last = Math.min(shown.order.length, this.#active + NEAR + 1);
    for (let place = Math.max(0, this.#active - NEAR); place < last; place++) {
      const channel = shown.order[place]!;
      const value = shown.keys ?? shown.content.values;
      const text = value ? `${shown.label(channel)}, ${readable(value[channel]!)}` : shown.label(channel);
      options.push(
        h(
          "div",
          {
            role: "option",
            id: id(place),
            "aria-posinset": place + 1,
            "aria-setsize": shown.order.length,
            "aria-selected": String(channel === this.#selected),
          },
          text,
        ),
      );
    }
    this.list.replaceChildren(h("div", { class: "xw-sr", role: "presentation" }, ...options));
    this.list.setAttribute("aria-activedescendant", id(this.#active));
  }
}

function sameOrder(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((channel, i) => channel === b[i]);
}
