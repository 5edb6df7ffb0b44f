/** The grid: methods down, what they are compared by across, one cell a pair. */

import { clipRange } from "../../draw/plane";
import type { Tensor } from "../../live/client";
import { canonical } from "../../live/messages";
import { attribute, fill, h, write } from "../../ui/element";
import type { Spot } from "../../ui/pane";
import { watchVisible } from "../../ui/visibility";
import { ScaleBar } from "../attribution/scale";
import { Cell } from "./cell";
import { columnName, hidden, type Known, methodName, selectedCell } from "./known";
import { Zoom } from "./zoom";

export interface BoardActions {
  /** A cell can be seen, or not any more. */
  seen(cell: Cell, index: number): void;
  choose(row: number, column: number): void;
  /** A person suspects a column of a blind trial, or not any more. */
  suspect(letter: string): void;
  point(spot: Spot | null): void;
}

export class Board {
  readonly element = h("div", { class: "xw-cmp-board", role: "grid", "aria-label": "Compared maps" });
  readonly zoom = new Zoom(this.element);
  cells: Cell[] = [];
  #heads: HTMLElement[] = [];
  #names: HTMLElement[] = [];
  #rowScales: ScaleBar[] = [];
  #offs: (() => void)[] = [];
  #shape = "";
  #focus = 0;
  #known: Known | null = null;

  constructor(private readonly actions: BoardActions) {
    this.element.addEventListener("keydown", (event) => this.#keydown(event));
  }

  dispose(): void {
    for (const off of this.#offs) off();
  }

  get columns(): number {
    return this.#heads.length;
  }

  /** Take another layout: cells whose plan stays keep their maps. */
  take(known: Known): void {
    this.#known = known;
    const { rows, columns, cells } = known.layout;
    const shape = canonical([rows.length, columns.length]);
    if (shape !== this.#shape) this.#rebuild(rows.length, columns.length);
    this.#shape = shape;
    cells.flat().forEach((plan, i) => {
      const cell = this.cells[i]!;
      if (canonical(cell.plan) !== canonical(plan)) cell.take(plan);
    });
  }

  show(known: Known, pictures: readonly (Tensor | undefined)[], suspects: ReadonlySet<string>): void {
    this.#known = known;
    const plain = hidden(known);
    const at = selectedCell(known);
    this.#showHeads(known, suspects);
    this.#paint(known, pictures, plain);
    const targets = known.look.by === "models" || known.look.by === "images";
    this.cells.forEach((cell, i) => {
      const [row, column] = this.#place(i);
      const method = methodName(known.welcome, known.layout.rows[row] ?? "");
      cell.show(`${method}, ${columnName(known, column)}`, plain, targets && !plain);
      const here = row === at.row && column === at.column && !plain;
      attribute(cell.element, "aria-selected", String(here));
    });
    this.#rove(Math.min(this.#focus, this.cells.length - 1));
  }

  point(spot: Spot | null, size: readonly [number, number]): void {
    const plain = this.#known !== null && hidden(this.#known);
    for (const cell of this.cells) cell.point(spot, size, plain);
  }

  #place(index: number): [number, number] {
    return [Math.floor(index / this.columns), index % this.columns];
  }

  #rebuild(rows: number, columns: number): void {
    for (const off of this.#offs) off();
    this.#offs = [];
    this.#heads = Array.from({ length: columns }, () => this.#head());
    this.#rowScales = Array.from({ length: rows }, () => new ScaleBar());
    this.#names = this.#rowScales.map((scale) =>
      h(
        "div",
        { class: "xw-cmp-name", role: "rowheader" },
        h("b", {}),
        h("span", { class: "xw-cmp-detail" }),
        scale.element,
      ),
    );
    this.cells = Array.from({ length: rows * columns }, (_, i) => this.#cell(i));
    this.element.style.setProperty("--columns", String(columns));
    const corner = h(
      "div",
      { class: "xw-cmp-corner", role: "columnheader" },
      h("span", { class: "xw-sr" }, "Method"),
    );
    const lines = this.#names.map((name, row) => {
      const cells = this.cells.slice(row * columns, (row + 1) * columns).map(({ element }) => element);
      return h("div", { class: "xw-cmp-row", role: "row" }, name, ...cells);
    });
    fill(this.element, [h("div", { class: "xw-cmp-row", role: "row" }, corner, ...this.#heads), ...lines]);
  }

  #head(): HTMLElement {
    const suspect = h(
      "button",
      { type: "button", class: "xw-cmp-suspect", "aria-pressed": "false", hidden: true },
      "A control?",
    );
    suspect.addEventListener("click", () => this.actions.suspect(suspect.value));
    return h(
      "div",
      { class: "xw-cmp-head", role: "columnheader" },
      h("b", {}),
      h("span", { class: "xw-cmp-detail" }),
      suspect,
    );
  }

  #cell(index: number): Cell {
    const cell = new Cell();
    const { element, view, pane } = cell;
    this.zoom.attach(view);
    for (const type of ["pointermove", "pointerdown"] as const)
      pane.element.addEventListener(type, (event) => {
        const [width, height] = [pane.canvas.width, pane.canvas.height];
        if (cell.map) this.actions.point(pane.spot(event, width, height));
      });
    pane.element.addEventListener("pointerleave", () => this.actions.point(null));
    element.addEventListener("click", () => {
      this.#rove(index);
      element.focus({ preventScroll: true });
      this.actions.choose(...this.#place(index));
    });
    this.#offs.push(
      watchVisible(element, (visible) => {
        cell.visible = visible;
        this.actions.seen(cell, index);
      }),
    );
    return cell;
  }

  #showHeads(known: Known, suspects: ReadonlySet<string>): void {
    const { layout, look, welcome } = known;
    const plain = hidden(known);
    this.#heads.forEach((head, i) => {
      const column = layout.columns[i];
      const letter = layout.letters[i] ?? "";
      const [name, detail, suspect] = head.children as unknown as [
        HTMLElement,
        HTMLElement,
        HTMLButtonElement,
      ];
      const shown = columnName(known, i);
      write(name, letter && !plain ? `${letter}: ${shown}` : shown);
      const control = column?.control ? "control" : "";
      write(detail, plain ? "" : (column?.detail ?? "") || control);
      head.title = plain ? "" : [shown, column?.detail].filter(Boolean).join(" · ");
      head.toggleAttribute("data-control", !plain && control !== "");
      suspect.hidden = !plain;
      suspect.value = letter;
      attribute(suspect, "aria-pressed", String(suspects.has(letter)));
      attribute(suspect, "aria-label", `Is ${letter} a control?`);
    });
    this.#names.forEach((head, row) => {
      const method = welcome.methods.find(({ name }) => name === layout.rows[row]);
      write(head.children[0]!, method?.label ?? layout.rows[row] ?? "");
      write(head.children[1]!, method?.family ?? "");
      head.title = method?.summary ?? "";
    });
    this.element.dataset.scale = look.scale;
  }

  #paint(known: Known, pictures: readonly (Tensor | undefined)[], plain: boolean): void {
    const { look } = known;
    const waiting = new Set<number>();
    // What is there at once tells itself apart from what is worked out: the maps of a row come together.
    this.cells.forEach((cell, i) => {
      if (plain && !cell.settled) waiting.add(this.#place(i)[0]);
    });
    const limits = this.cells.map(({ map }) => (map ? clipRange(map, look.clip, "absolute")[1] : 0));
    const most = (of: (row: number) => boolean) =>
      Math.max(0, ...limits.filter((_, i) => of(this.#place(i)[0])));
    const scale = plain ? "each" : look.scale;
    this.cells.forEach((cell, i) => {
      const [row, column] = this.#place(i);
      const limit = scale === "each" ? limits[i]! : most((one) => scale === "all" || one === row);
      const own = scale === "each" && !plain;
      const { map } = cell;
      if (waiting.has(row)) cell.map = null;
      cell.paint(limit, look, pictures[column], plain, own);
      cell.map = map;
    });
    this.#rowScales.forEach((bar, row) => {
      const inRow = this.cells.filter((cell, i) => this.#place(i)[0] === row && cell.map);
      const sign = inRow.some((cell) => cell.signed) ? "both" : "absolute";
      const there = scale === "row" && inRow.length > 0;
      bar.element.hidden = scale !== "row";
      bar.show(there ? most((one) => one === row) : null, { ...look, sign });
    });
  }

  /** The limit that all cells share, and whether one of them has signs. */
  shared(clip: number): { limit: number; signed: boolean } | null {
    const there = this.cells.filter(({ map }) => map);
    if (there.length === 0) return null;
    const limit = Math.max(...there.map(({ map }) => clipRange(map!, clip, "absolute")[1]));
    return { limit, signed: there.some((cell) => cell.signed) };
  }

  // -- hands -------------------------------------------------------------------------------------------

  #rove(index: number): void {
    this.#focus = Math.max(0, index);
    this.cells.forEach((cell, i) => {
      cell.element.tabIndex = i === this.#focus ? 0 : -1;
    });
  }

  #keydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.cells.length) return;
    const on = this.cells.findIndex(({ element }) => element === event.target);
    if (on < 0) return;
    const { columns } = this;
    const line = on - (on % columns);
    const moves: Record<string, number> = {
      ArrowRight: Math.min(on + 1, line + columns - 1),
      ArrowLeft: Math.max(on - 1, line),
      ArrowDown: on + columns < this.cells.length ? on + columns : on,
      ArrowUp: on >= columns ? on - columns : on,
      Home: line,
      End: line + columns - 1,
    };
    const next = moves[event.key];
    if (next !== undefined) {
      this.#rove(next);
      this.cells[next]!.element.focus();
    } else if (event.key === "Enter" || event.key === " ") this.actions.choose(...this.#place(on));
    else if (event.key === "+" || event.key === "=") this.zoom.by(1);
    else if (event.key === "-") this.zoom.by(-1);
    else if (event.key === "0") this.zoom.reset();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
