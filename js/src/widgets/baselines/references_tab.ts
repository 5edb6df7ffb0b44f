/** Expected gradients, reference by reference: who has joined, what the mean has become, how sure it is. */

import { clipRange, type Plane, plane } from "../../draw/plane";
import type { Frame } from "../../live/client";
import { attribute, fill, h, write } from "../../ui/element";
import type { Evidence } from "../../ui/evidence";
import { percent, readable, signed } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { byKey, slider } from "../../ui/slider";
import { segments } from "../../ui/toolbar";
import { ScaleBar } from "../attribution/scale";
import { meanSize, strongest } from "../attribution/words";
import { Curve } from "./curve";
import type { Actions, Known, Tab } from "./known";
import { showMap, showPicture, valueUnder } from "./pictures";
import { figure, follow } from "./preview";

export class ReferencesTab implements Tab {
  readonly element: HTMLElement;
  #source = segments({
    label: "References",
    value: "images",
    segments: [
      { value: "images", label: "Other images", help: "The other images of this session" },
      {
        value: "gaussian_noise",
        label: "Gaussian noise",
        help: "The image drowned in noise, each time anew",
      },
      { value: "uniform_noise", label: "Uniform noise", help: "Pure noise, each time anew" },
    ],
    onChange: (source) => this.actions.look({ source, shown_count: 0 }),
  });
  #count = slider({
    label: "At most",
    low: 1,
    high: 64,
    step: 1,
    integer: true,
    log: true,
    value: 16,
    help: "So many references are drawn; fewer where there are no more.",
    onInput: (count) => this.actions.look({ count, shown_count: 0 }),
  });
  #pane = new Pane("mean");
  #scale = new ScaleBar();
  #caption = h("span", {});
  #thumbs = h("div", { class: "xw-bl-thumbs", role: "list", "aria-label": "References" });
  #pictures: { pane: Pane; element: HTMLElement }[] = [];
  #curve = new Curve("Estimated error of the mean", (place) => this.#look(place + 1));
  #figures = h("p", { class: "xw-bl-note" });
  #range = h("input", {
    type: "range",
    class: "xw-range",
    min: 1,
    max: 1,
    step: 1,
    "aria-label": "References shown",
  });
  #ends = h("div", { class: "xw-bl-ends" }, h("span", {}, "one reference"), h("span", {}), h("span", {}));
  #reading = h("output", { class: "xw-reading" });
  #frame: Frame | null = null;
  #maps: Plane[] = [];
  #known: Known | null = null;
  #spot: Spot | null = null;

  constructor(private readonly actions: Actions) {
    const mean = figure(this.#caption, this.#pane, this.#scale.element, this.#reading);
    const right = h(
      "div",
      { class: "xw-bl-joined" },
      h("div", { class: "xw-bl-caption" }, "In the order in which they join"),
      this.#thumbs,
      this.#curve.element,
      this.#figures,
    );
    this.element = h(
      "div",
      { class: "xw-bl-references" },
      h("div", { class: "xw-bl-options" }, this.#source.element, this.#count.element),
      h("div", { class: "xw-bl-growing" }, mean, right),
      h("div", { class: "xw-bl-alpha" }, this.#range, this.#ends),
    );
    follow(this.#pane, () => this.#size, actions.point);
    this.#range.addEventListener("input", () => this.#look(Number(this.#range.value)));
    this.#range.addEventListener("keydown", (event) => {
      if (!this.key(event)) return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  show(known: Known): void {
    this.#known = known;
    const { look } = known;
    this.#source.set(look.source);
    this.#count.set(look.count);
    const frame = known.frames.get("references") ?? null;
    if (frame !== this.#frame) this.#take(frame);
    this.#paint();
    this.#read();
  }

  point(spot: Spot | null): void {
    this.#spot = spot;
    this.#pane.cross(spot, ...this.#size);
    this.#read();
  }

  key(event: KeyboardEvent): boolean {
    const next = byKey(event, this.#shown, { low: 1, high: this.#maps.length, step: 1, log: false });
    if (next !== null) this.#look(Math.min(this.#maps.length, Math.max(1, next)));
    return next !== null;
  }

  evidence({ meta }: Frame): Evidence | null {
    return meta?.evidence ?? null;
  }

  /** How many references the map on the screen is the mean of. */
  get #shown(): number {
    const wanted = this.#known?.look.shown_count ?? 0;
    return wanted === 0 ? this.#maps.length : Math.min(wanted, this.#maps.length);
  }

  get #size(): [number, number] {
    const shape = this.#known?.frames.get("input")?.arrays.picture?.shape;
    const map = this.#maps[0];
    return shape ? [shape[1]!, shape[0]!] : [map?.width ?? 1, map?.height ?? 1];
  }

  /** All of them is 0, so that it stays all while more join. */
  #look(count: number): void {
    this.actions.look({ shown_count: count >= this.#maps.length ? 0 : count });
  }

  #take(frame: Frame | null): void {
    this.#frame = frame;
    const maps = frame?.arrays.maps;
    this.#maps = Array.from({ length: maps?.shape[0] ?? 0 }, (_, i) => plane(maps!, i));
    const sizes = this.#maps.map((map) => meanSize(map) || 1);
    this.#curve.set(Array.from(frame?.arrays.errors?.data ?? [], (error, i) => error / sizes[i]!));
    const labels: string[] = frame?.meta?.labels ?? [];
    while (this.#pictures.length < labels.length) this.#pictures.push(thumb());
    this.#pictures.length = labels.length;
    fill(
      this.#thumbs,
      this.#pictures.map(({ element }) => element),
    );
    const pictures = frame?.arrays.pictures;
    labels.forEach((label, i) => {
      const { pane, element } = this.#pictures[i]!;
      const [, h = 1, w = 1] = pictures?.shape ?? [];
      const data = pictures?.data.subarray(3 * h * w * i, 3 * h * w * (i + 1));
      showPicture(pane, data && { data, shape: [h, w, 3], scale: 1, zero: 0 });
      attribute(pane.canvas, "aria-label", label);
      element.title = label;
    });
  }

  #paint(): void {
    const { look } = this.#known!;
    const [shown, all] = [this.#shown, this.#maps.length];
    const map = this.#maps[shown - 1] ?? null;
    const measure = look.scale === "own" ? map : (this.#maps.at(-1) ?? null);
    const limit = measure ? clipRange(measure, look.clip, "both")[1] : 0;
    showMap(this.#pane, map, limit, look);
    this.#scale.show(map ? limit : null, { ...look, sign: "both" });
    this.#pictures.forEach(({ element }, i) => {
      element.toggleAttribute("data-joined", i < shown);
    });
    this.#curve.mark(shown - 1);
    this.#range.max = String(Math.max(1, all));
    this.#range.value = String(shown);
    this.#range.disabled = all < 2;
    this.#range.style.setProperty("--fill", `${all > 1 ? (100 * (shown - 1)) / (all - 1) : 0}%`);
    this.#range.setAttribute("aria-valuetext", `${shown} of ${all}`);
    write(this.#caption, map ? `Mean map over ${counted(shown)}` : "Mean map");
    write(this.#ends.children[1]!, map ? `${shown} of ${counted(all)}` : "");
    write(this.#ends.children[2]!, all > 1 ? `all ${all}` : "");
    this.element.dataset.count = String(shown);
    this.#say(map, shown);
  }

  #say(map: Plane | null, shown: number): void {
    const gap = this.#frame?.arrays.gaps?.data[shown - 1];
    const error = this.#curve.values[shown - 1];
    const words = [
      error !== undefined && Number.isFinite(error) ? `error ±${share(error)}` : "",
      gap !== undefined && Number.isFinite(gap) ? `completeness gap ${share(gap)}` : "",
    ];
    write(this.#figures, words.filter(Boolean).join(" · "));
    if (!map) return;
    const { x, y, value } = strongest(map);
    const peak = `strongest at x ${x}, y ${y} with ${signed(value)}`;
    attribute(this.#pane.canvas, "aria-label", `Mean map over ${counted(shown)}: ${peak}`);
  }

  #read(): void {
    const map = this.#maps[this.#shown - 1];
    const hint = !this.#spot || !map;
    this.#reading.toggleAttribute("data-hint", hint);
    const { x, y } = this.#spot ?? { x: 0, y: 0 };
    write(
      this.#reading,
      hint
        ? "Point at the map to read its values."
        : `x ${x}  y ${y}   ${signed(valueUnder(map, { x, y }, this.#size))}`,
    );
  }
}

function thumb(): { pane: Pane; element: HTMLElement } {
  const pane = new Pane("thumb");
  return { pane, element: h("div", { class: "xw-bl-thumb", role: "listitem" }, pane.element) };
}

function counted(count: number): string {
  return count === 1 ? "1 reference" : `${count} references`;
}

function share(value: number): string {
  return value > 10 ? `${readable(value)} times` : percent(value, value < 0.0995 ? 1 : 0);
}
