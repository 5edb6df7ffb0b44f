/** A box on a picture: drawn with the pointer, moved and resized by keys. */

import { attribute, h } from "../../ui/element";
import type { Box } from "./target";

const STEP = 0.02;
const LEAST = 0.02;

export class BoxLayer {
  readonly element = h("div", { class: "xw-boxes", hidden: true });
  #box = h("div", { class: "xw-box" });
  #others = h("div", { class: "xw-boxes-found", "aria-hidden": "true" });
  #value: Box | null = null;
  #editable = false;
  #from: [number, number] | null = null;

  constructor(private readonly tell: (box: Box) => void) {
    this.element.append(this.#others, this.#box);
    this.element.addEventListener("pointerdown", (event) => this.#begin(event));
    this.element.addEventListener("pointermove", (event) => this.#drag(event));
    this.element.addEventListener("pointerup", (event) => this.#end(event));
    this.element.addEventListener("pointercancel", () => this.#drop());
    this.#box.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show a box, and faintly the others that were found. */
  show(box: Box | null, editable: boolean, others: readonly Box[] = []): void {
    if (this.#from) return; // a hand is on it
    this.#value = box;
    this.#editable = editable;
    this.element.hidden = box === null && others.length === 0;
    this.element.toggleAttribute("data-editable", editable);
    attribute(this.#box, "tabindex", editable ? 0 : null);
    attribute(this.#box, "role", editable ? "application" : "img");
    const help = "arrow keys move it, with Shift they resize it; or draw another with the pointer";
    attribute(
      this.#box,
      "aria-label",
      editable ? `The region that is explained: ${help}` : "The box that is explained",
    );
    this.#box.title = editable ? "Drag to draw another region" : "";
    this.#box.hidden = box === null;
    if (box) place(this.#box, box);
    this.#others.replaceChildren(
      ...others.map((one) => {
        const outline = h("i", {});
        place(outline, one);
        return outline;
      }),
    );
  }

  #at(event: PointerEvent): [number, number] {
    const area = this.element.getBoundingClientRect();
    const share = (value: number) => Math.min(1, Math.max(0, value));
    return [
      share((event.clientX - area.left) / (area.width || 1)),
      share((event.clientY - area.top) / (area.height || 1)),
    ];
  }

  #begin(event: PointerEvent): void {
    if (!this.#editable || event.button !== 0) return;
    event.preventDefault();
    this.element.setPointerCapture?.(event.pointerId);
    this.#from = this.#at(event);
  }

  #drag(event: PointerEvent): void {
    const box = this.#between(event);
    if (box) place(this.#box, box);
  }

  #end(event: PointerEvent): void {
    const box = this.#between(event);
    this.#drop();
    if (box && box[2] - box[0] >= LEAST && box[3] - box[1] >= LEAST) this.#set(box);
    this.#box.focus({ preventScroll: true });
  }

  #drop(): void {
    this.#from = null;
    if (this.#value) place(this.#box, this.#value);
  }

  #between(event: PointerEvent): Box | null {
    if (!this.#from) return null;
    const [x, y] = this.#at(event);
    const [x0, y0] = this.#from;
    return [Math.min(x, x0), Math.min(y, y0), Math.max(x, x0), Math.max(y, y0)];
  }

  #key(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const by = moves[event.key];
    if (!by || !this.#value || !this.#editable || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#set(event.shiftKey ? resized(this.#value, ...by) : moved(this.#value, ...by));
  }

  #set(box: Box): void {
    this.#value = box.map((share) => Math.round(1000 * share) / 1000) as unknown as Box;
    place(this.#box, this.#value);
    this.tell(this.#value);
  }
}

/** The box moved, held within the picture. */
export function moved([left, top, right, bottom]: Box, dx: number, dy: number): Box {
  const x = Math.min(1 - right, Math.max(-left, dx));
  const y = Math.min(1 - bottom, Math.max(-top, dy));
  return [left + x, top + y, right + x, bottom + y];
}

/** The box with its right and lower edge moved. */
export function resized([left, top, right, bottom]: Box, dx: number, dy: number): Box {
  const edge = (from: number, to: number) => Math.min(1, Math.max(from + LEAST, to));
  return [left, top, edge(left, right + dx), edge(top, bottom + dy)];
}

function place(element: HTMLElement, [left, top, right, bottom]: Box): void {
  const { style } = element;
  style.left = `${100 * left}%`;
  style.top = `${100 * top}%`;
  style.width = `${100 * (right - left)}%`;
  style.height = `${100 * (bottom - top)}%`;
}
