/** One map of the grid. */

import { overlay } from "../../draw/heatmap";
import { type Plane, plane, type Sign, type Tensor } from "../../draw/plane";
import type { Frame, Status } from "../../live/client";
import { attribute, fill, h, write } from "../../ui/element";
import type { Evidence } from "../../ui/evidence";
import { type IconName, icon } from "../../ui/icon";
import { readable, signed } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { ScaleBar } from "../attribution/scale";
import { strongest } from "../attribution/words";
import { showMap, showPicture, valueUnder } from "../baselines/pictures";
import type { CellPlan, Look } from "./known";

const OPACITY = 0.75;

export class Cell {
  readonly element: HTMLElement;
  readonly view = h("div", { class: "xw-cmp-view" });
  readonly pane = new Pane("cell");
  readonly scale = new ScaleBar();
  plan: CellPlan = { wish: null, says: "" };
  map: Plane | null = null;
  signed = true;
  status: Status | null = null;
  target = "";
  visible = false;
  #evidence: Evidence | null = null;
  #says = h("p", { class: "xw-cmp-says", hidden: true });
  #bar = h("i", { class: "xw-cmp-progress" });
  #verdict = h("span", { class: "xw-verdict" });
  #value = h("span", { class: "xw-number" });
  #target = h("span", { class: "xw-cmp-target" });

  constructor() {
    this.view.append(this.pane.element, this.#says, this.#bar);
    const facts = h("div", { class: "xw-cmp-facts" }, this.#verdict, this.#target, this.#value);
    this.element = h(
      "div",
      { class: "xw-cmp-cell", role: "gridcell", tabindex: -1, "aria-selected": "false" },
      this.view,
      this.scale.element,
      facts,
    );
  }

  /** Another plan; what was shown of the old one is gone. */
  take(plan: CellPlan): void {
    this.plan = plan;
    this.map = null;
    this.status = null;
    this.#evidence = null;
  }

  arrived(frame: Frame): void {
    const tensor = frame.arrays.map;
    this.map = tensor ? plane(tensor) : null;
    this.signed = frame.meta?.signed !== false;
    this.#evidence = frame.meta?.evidence ?? null;
    this.target = String(frame.meta?.target?.label ?? "");
    write(this.#target, this.target);
  }

  get working(): boolean {
    return this.plan.wish !== null && ["waiting", "refining", "stale"].includes(this.status?.phase ?? "");
  }

  /** Whether nothing more comes of it. */
  get settled(): boolean {
    return this.plan.wish === null || ["done", "error", "cancelled"].includes(this.status?.phase ?? "");
  }

  /** What the colours stand for: sizes alone where signs would tell more than may be told. */
  sign(plain: boolean): Sign {
    return this.signed && !plain ? "both" : "absolute";
  }

  /** Say what there is beside the map; `plain` where the columns may not be told apart. */
  show(name: string, plain: boolean, targets: boolean): void {
    const { failure } = this.status ?? {};
    const words = this.plan.says || (failure ? `${failure.message} ${failure.hint}`.trim() : "");
    this.#says.hidden = words === "";
    this.#says.toggleAttribute("data-failed", this.plan.says === "");
    write(this.#says, words);
    const worst = plain ? null : (this.#evidence?.worst ?? null);
    attribute(this.#verdict, "data-verdict", worst ?? "");
    fill(this.#verdict, worst ? [icon(worst as IconName), h("span", { class: "xw-sr" }, worst)] : []);
    this.#verdict.title = worst ? (this.#evidence?.line ?? "") : "";
    this.#target.hidden = !targets;
    this.element.toggleAttribute("data-working", this.working);
    this.element.dataset.phase = this.plan.wish ? (this.status?.phase ?? "idle") : "none";
    this.#bar.style.setProperty("--done", String(this.status?.done ?? 0));
    attribute(this.pane.canvas, "aria-label", `${name}: ${this.#summary(words, plain)}`);
  }

  paint(limit: number, look: Look, picture: Tensor | undefined, plain: boolean, own: boolean): void {
    const sign = this.sign(plain);
    const { map } = this;
    const fits = picture && map && picture.shape[1] === map.width && picture.shape[0] === map.height;
    if (map && fits && look.view === "blended") {
      const settings = { ...look, sign, opacity: OPACITY, blend: "blended", top: 100 } as const;
      const range = [sign === "both" ? -limit : 0, limit] as const;
      this.pane.draw(map.width, map.height, (out) => overlay(picture.data, map, settings, out, range));
    } else if (!map && look.view === "blended") showPicture(this.pane, this.plan.wish ? picture : undefined);
    else showMap(this.pane, map, limit, look, sign);
    const [height, width] = picture?.shape ?? [map?.height ?? 1, map?.width ?? 1];
    this.view.style.setProperty("--aspect", String(width! / height!));
    this.scale.element.hidden = !own;
    this.scale.show(own && map ? limit : null, { ...look, sign });
  }

  /** Put the crosshair on a share of the picture. */
  point(spot: Spot | null, size: readonly [number, number], plain: boolean): void {
    this.pane.cross(this.map ? spot : null, ...size);
    const value = spot && this.map && !plain ? valueUnder(this.map, spot, size) : null;
    write(this.#value, value === null ? "" : this.signed ? signed(value) : readable(value));
  }

  #summary(words: string, plain: boolean): string {
    if (words) return words;
    if (!this.map) return "no map yet";
    const peak = strongest(this.map);
    const where = `strongest at x ${peak.x}, y ${peak.y}`;
    return plain ? where : `${where} with ${signed(peak.value)}. ${this.#evidence?.line ?? ""}`;
  }
}

/** How the grid stands as a whole: what it waits for itself, its cells in sight, then their agreement. */
export function together(grid: Status, cells: readonly Cell[], bare: boolean, agreement: Status): Status {
  const working = cells.filter((cell) => cell.working || !cell.status);
  const stale = working.find((cell) => cell.status?.phase === "stale")?.status;
  if (stale) return stale;
  const share = cells.reduce(
    (sum, { status }) => sum + (status?.phase === "done" ? 1 : (status?.done ?? 0)),
    0,
  );
  const done = cells.length > 0 ? share / cells.length : 0;
  const note = `${cells.length - working.length} of ${cells.length} maps`;
  if (cells.length === 0 || working.length > 0)
    return { ...grid, phase: bare ? "waiting" : "refining", done, ms: null, note: bare ? null : note };
  const compared = agreement.phase === "waiting" || agreement.phase === "refining";
  const dropped = cells.some(({ status }) => status?.phase === "cancelled");
  return {
    ...grid,
    phase: compared ? "refining" : dropped ? "cancelled" : "done",
    done,
    ms: null,
    note: null,
  };
}
