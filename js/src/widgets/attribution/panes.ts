/** The two pictures: painting, the scale under them, the linked crosshair and what it reads. */

import { colorize, maskTop, overlay, paintPicture } from "../../draw/heatmap";
import { clipRange, type Plane, signed as part, type Sign, valueAt } from "../../draw/plane";
import { attribute, h, write } from "../../ui/element";
import { percent, readable, signed } from "../../ui/number";
import { Pane, type Spot } from "../../ui/pane";
import { ScaleBar } from "./scale";

export type View = "side" | "overlay" | "blended" | "map" | "image";

export interface Look {
  view: View;
  opacity: number;
  clip: number;
  sign: Sign;
  colormap: string;
  top: number;
}

export interface Picture {
  data: ArrayLike<number>;
  width: number;
  height: number;
}

const SHARP_FROM = 3;

export class Panes {
  readonly element: HTMLElement;
  #picturePane = new Pane("picture");
  #mapPane = new Pane("map");
  /** Takes the focus for the crosshair. An application: a reader leaves it the arrow keys. */
  readonly pictures = h(
    "div",
    {
      class: "xw-panes",
      role: "application",
      tabindex: 0,
      "aria-label": "Pictures: arrow keys read their values",
    },
    this.#picturePane.element,
    this.#mapPane.element,
  );
  #scale = new ScaleBar();
  #reading = h("output", {
    class: "xw-reading",
    title: "Point at a picture, or focus the pictures and use the arrow keys",
  });
  #picture: Picture | null = null;
  #map: Plane | null = null;
  #signed = true;
  #look: Look | null = null;
  #spot: Spot | null = null;
  #width = 0;
  /** What the pictures on the screen were painted from, so that none is painted twice. */
  #painted: { picture?: Picture | null; map: readonly unknown[] } = { map: [] };

  constructor(private readonly onSpot: (spot: Spot | null) => void) {
    this.element = h("div", { class: "xw-figure-box" }, this.pictures, this.#scale.element, this.#reading);
    for (const pane of [this.#picturePane, this.#mapPane]) {
      pane.element.addEventListener("pointermove", (event) => this.point(pane.spot(event, ...this.size)));
      pane.element.addEventListener("pointerdown", (event) => this.point(pane.spot(event, ...this.size)));
      pane.element.addEventListener("pointerleave", () => this.point(null));
    }
    this.#read();
  }

  get size(): [number, number] {
    const of = this.#picture ?? this.#map;
    return of ? [of.width, of.height] : [1, 1];
  }

  get map(): Plane | null {
    return this.#map;
  }

  get spot(): Spot | null {
    return this.#spot;
  }

  set picture(picture: Picture | null) {
    this.#picture = picture;
    if (picture) this.aspect(picture.width, picture.height);
  }

  show(map: Plane | null, signed: boolean): void {
    this.#map = map;
    this.#signed = signed;
    if (map && !this.#picture) this.aspect(map.width, map.height);
  }

  /** Lay something over each of the two pictures. */
  lay(picture: HTMLElement, map: HTMLElement): void {
    this.#picturePane.element.append(picture);
    this.#mapPane.element.append(map);
  }

  /** Reserve the place of a picture of this size. */
  aspect(width: number, height: number): void {
    this.element.style.setProperty("--aspect", String(width / Math.max(1, height)));
    this.#sharpen();
  }

  resize(width: number): void {
    this.#width = width;
    this.#sharpen();
  }

  /** Paint both pictures and the scale by a look. */
  paint(look: Look): void {
    this.#look = look;
    const { view } = look;
    this.element.dataset.view = view;
    this.#paintPicture();
    this.#paintMap(look);
    this.#paintScale(look);
    this.#sharpen();
    this.#cross();
    this.#read();
  }

  /** Say what the pictures show, for those who do not see them. */
  describe(picture: string, map: string): void {
    attribute(this.#picturePane.canvas, "aria-label", picture);
    attribute(this.#mapPane.canvas, "aria-label", map);
  }

  /** Put the crosshair on a spot. What the keys read is said aloud; a moving pointer would never be silent. */
  point(spot: Spot | null, aloud = false): void {
    attribute(this.#reading, "aria-live", aloud ? "polite" : "off");
    const same = spot?.x === this.#spot?.x && spot?.y === this.#spot?.y;
    if (same) return;
    this.#spot = this.#picture || this.#map ? spot : null;
    this.#cross();
    this.#read();
    this.onSpot(this.#spot);
  }

  /** Move the crosshair by keys; the first key brings it to the middle. */
  step(dx: number, dy: number): void {
    const [width, height] = this.size;
    const from = this.#spot ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    const inside = (value: number, size: number) => Math.min(size - 1, Math.max(0, value));
    const to = this.#spot ? { x: inside(from.x + dx, width), y: inside(from.y + dy, height) } : from;
    this.point(to, true);
  }

  /** What "both" means for a map without signs. */
  #sign(look: Look): Sign {
    return this.#signed ? look.sign : "absolute";
  }

  #paintPicture(): void {
    const picture = this.#picture;
    if (picture === this.#painted.picture) return;
    this.#painted.picture = picture;
    if (!picture) this.#picturePane.clear();
    else this.#picturePane.draw(picture.width, picture.height, (out) => paintPicture(picture.data, out));
  }

  #paintMap(look: Look): void {
    const map = this.#map;
    const picture = this.#picture;
    const settings = { colormap: look.colormap, clip: look.clip, sign: this.#sign(look) };
    const over = look.view === "overlay" || look.view === "blended" ? look.view : null;
    const from = [map, over && picture, over, over && look.opacity, look.top, ...Object.values(settings)];
    if (from.length === this.#painted.map.length && from.every((one, i) => one === this.#painted.map[i]))
      return;
    this.#painted.map = from;
    if (over && picture && (!map || map.width !== picture.width || map.height !== picture.height)) {
      this.#mapPane.draw(picture.width, picture.height, (out) => paintPicture(picture.data, out));
    } else if (!map) {
      this.#mapPane.clear();
    } else {
      this.#mapPane.draw(map.width, map.height, (out) => {
        if (over && picture) {
          overlay(picture.data, map, { ...settings, opacity: look.opacity, blend: over, top: look.top }, out);
        } else {
          colorize(map, settings, out);
          maskTop(map, look.top, settings.sign, out);
        }
      });
    }
  }

  #paintScale(look: Look): void {
    const map = this.#map;
    const sign = this.#sign(look);
    const hidden = map === null || look.view === "image";
    const limit = hidden ? null : clipRange(map, look.clip, sign)[1];
    this.#scale.show(limit, { sign, colormap: look.colormap, clip: look.clip });
  }

  #cross(): void {
    const [width, height] = this.size;
    this.#picturePane.cross(this.#spot, width, height);
    this.#mapPane.cross(this.#spot, width, height);
  }

  #read(): void {
    const spot = this.#spot;
    this.#reading.toggleAttribute("data-hint", spot === null);
    write(this.#reading, spot ? this.#words(spot) : "Point at a picture to read its values.");
  }

  #words({ x, y }: Spot): string {
    const parts = [`x ${x}  y ${y}`];
    const map = this.#map;
    if (map && x < map.width && y < map.height) {
      const value = valueAt(map, x, y);
      parts.push(this.#signed ? signed(value) : readable(value), `top ${percent(this.#rank(map, value), 1)}`);
    }
    const picture = this.#picture;
    if (picture) {
      const at = 3 * (y * picture.width + x);
      parts.push(`rgb ${picture.data[at]} ${picture.data[at + 1]} ${picture.data[at + 2]}`);
    }
    return parts.join("   ");
  }

  /** The share of pixels that are at least as strong. */
  #rank(map: Plane, value: number): number {
    const size = Math.abs(value);
    let above = 0;
    for (let i = 0; i < map.data.length; i++) {
      if (part(map.scale * (map.data[i]! - map.zero), "absolute") >= size) above++;
    }
    return above / Math.max(1, map.data.length);
  }

  /** Pixels that are shown large have edges; photographs that are shown about their size are smooth. */
  #sharpen(): void {
    const [width] = this.size;
    const shown = this.#look?.view === "side" ? this.#width / 2 : this.#width;
    this.element.toggleAttribute("data-sharp", shown / width >= SHARP_FROM);
  }
}
