/** The maps in a row, in the order in which layers run; a click or an arrow selects one. */

import { clipRange, plane } from "../../draw/plane";
import type { Frame } from "../../live/client";
import { fill, h } from "../../ui/element";
import { Cell, CLIP } from "./cell";
import type { Entry } from "./known";

export interface Strip {
  entries: readonly Entry[];
  frame: Frame | null;
  label(name: string): string;
  best: string | null;
  selected: string | null;
  shared: boolean;
}

export class Cells {
  readonly element = h("div", { class: "xw-sw-cells", role: "radiogroup" });
  #cells: Cell[] = [];
  #entries: readonly Entry[] = [];

  constructor(private readonly choose: (name: string) => void) {
    this.element.addEventListener("keydown", (event) => this.#keydown(event));
  }

  /** Show a strip; returns what the strongest colour stands for where all share it. */
  show({ entries, frame, label, best, selected, shared }: Strip): number | null {
    this.#entries = entries;
    while (this.#cells.length < entries.length) this.#cells.push(this.#cell(this.#cells.length));
    if (this.element.childElementCount !== entries.length)
      fill(
        this.element,
        this.#cells.slice(0, entries.length).map(({ element }) => element),
      );
    let place = 0;
    const { maps: tensor, picture } = frame?.arrays ?? {};
    const maps = entries.map(({ there }) => (there && tensor ? plane(tensor, place++) : null));
    const limits = maps.map((map) => (map && shared ? clipRange(map, CLIP, "both")[1] : 0));
    const limit = shared && maps.some(Boolean) ? Math.max(...limits) : null;
    const at = entries.findIndex(({ name, failure }) => name === selected && !failure);
    const stop = Math.max(0, at >= 0 ? at : entries.findIndex(({ failure }) => !failure));
    entries.forEach((entry, i) => {
      this.#cells[i]!.show({
        entry,
        label: label(entry.name),
        map: maps[i]!,
        picture,
        limit,
        best: entry.name === best,
        selected: entry.name === selected,
        stop: i === stop,
      });
    });
    return limit;
  }

  /** Bring one into view, where the strip is longer than its place. */
  reveal(name: string): void {
    const at = this.#entries.findIndex((entry) => entry.name === name);
    this.#cells[at]?.element.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }

  #cell(index: number): Cell {
    return new Cell(() => this.choose(this.#entries[index]!.name));
  }

  #keydown(event: KeyboardEvent): void {
    const cells = this.#cells.slice(0, this.#entries.length);
    const now = cells.findIndex(({ element }) => element === event.target);
    if (now < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = this.#next(cells, now, event.key);
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    const cell = cells[next];
    if (!cell) return;
    this.choose(this.#entries[next]!.name);
    cell.element.focus();
    cell.element.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }

  /** Where a key leads, over what has no map; null for a key of others, -1 where there is nowhere to go. */
  #next(cells: readonly Cell[], now: number, key: string): number | null {
    const top = cells[0]!.element.offsetTop;
    const columns = Math.max(1, cells.filter(({ element }) => element.offsetTop === top).length);
    const moves: Record<string, [number, number]> = {
      ArrowRight: [now + 1, 1],
      ArrowLeft: [now - 1, -1],
      ArrowDown: [now + columns, columns],
      ArrowUp: [now - columns, -columns],
      Home: [0, 1],
      End: [cells.length - 1, -1],
    };
    const move = moves[key];
    if (!move) return null;
    let [at, by] = move;
    while (cells[at]?.off) at += by;
    return cells[at] ? at : -1;
  }
}
