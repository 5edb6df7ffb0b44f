/** The two pictures: painting, the scale under them, the linked crosshair and what it reads. */

import { colormap } from "../../draw/colormap";
import { colorize, defaultColormap, maskTop, overlay, paintPicture } from "../../draw/heatmap";
import { clipRange, type Plane, signed as part, type Sign, valueAt } from "../../draw/plane";
import { attribute, h, write } from "../../ui/element";
import { percent, readable, signed } from "../../ui/number";

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

export interface Spot {
  x: number;
  y: number;
}

const SHARP_FROM = 3;

/** One canvas with its crosshair. */
class Pane {
  readonly canvas: HTMLCanvasElement;
  readonly element: HTMLElement;
  #across = h("i", { class: "xw-cross xw-cross-x", hidden: true });
  #down = h("i", { class: "xw-cross xw-cross-y", hidden: true });
  #image: ImageData | null = null;

  constructor(kind: string) {
    this.canvas = h("canvas", { role: "img", "aria-label": "No picture yet", width: 1, height: 1 });
    this.element = h("div", { class: `xw-pane xw-pane-${kind}` }, this.canvas, this.#across, this.#down);
  }

  /** Paint pixels of the picture's own size; the style sheet scales them. */
  draw(width: number, height: number, fn: (words: Uint32Array) => void): void {
    if (this.#image?.width !== width || this.#image.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.#image = new ImageData(width, height);
    }
    fn(new Uint32Array(this.#image.data.buffer));
    this.canvas.getContext("2d")?.putImageData(this.#image, 0, 0);
    this.element.removeAttribute("data-empty");
  }

  clear(): void {
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.element.setAttribute("data-empty", "");
  }

  cross(spot: Spot | null, width: number, height: number): void {
    this.#across.hidden = this.#down.hidden = spot === null;
    if (spot === null) return;
    this.#across.style.top = `${((spot.y + 0.5) / height) * 100}%`;
    this.#down.style.left = `${((spot.x + 0.5) / width) * 100}%`;
  }

  spot(event: MouseEvent, width: number, height: number): Spot {
    const box = this.canvas.getBoundingClientRect();
    const at = (share: number, size: number) => Math.min(size - 1, Math.max(0, Math.floor(share * size)));
    return {
      x: at((event.clientX - box.left) / (box.width || 1), width),
      y: at((event.clientY - box.top) / (box.height || 1), height),
    };
  }
}

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
  #bar = h("canvas", { class: "xw-colorbar", width: 256, height: 1, role: "img" });
  #ends = [h("span", {}), h("span", {}), h("span", {})] as const;
  #scale: HTMLElement;
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

  constructor(private readonly onSpot: (spot: Spot | null) => void) {
    const ticks = h("div", { class: "xw-ticks" }, ...this.#ends);
    this.#scale = h(
      "div",
      { class: "xw-scale", "data-empty": true },
      this.#bar,
      h("i", { class: "xw-zero" }),
      ticks,
    );
    this.element = h("div", { class: "xw-figure-box" }, this.pictures, this.#scale, this.#reading);
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
    if (!picture) this.#picturePane.clear();
    else this.#picturePane.draw(picture.width, picture.height, (out) => paintPicture(picture.data, out));
  }

  #paintMap(look: Look): void {
    const map = this.#map;
    const picture = this.#picture;
    const settings = { colormap: look.colormap, clip: look.clip, sign: this.#sign(look) };
    const over = look.view === "overlay" || look.view === "blended" ? look.view : null;
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
    this.#scale.toggleAttribute("data-empty", map === null || look.view === "image");
    if (!map) return;
    const sign = this.#sign(look);
    const [, limit] = clipRange(map, look.clip, sign);
    const both = sign === "both";
    // "negative" paints sizes: its full end stands for minus the limit.
    const full = sign === "negative" ? -limit : limit;
    const ends = both
      ? [signed(-limit), "0", signed(limit)]
      : ["0", "", sign === "absolute" ? readable(full) : signed(full)];
    this.#ends.forEach((end, i) => {
      write(end, ends[i]!);
    });
    this.#scale.dataset.zero = both ? "middle" : "start";
    const name = look.colormap === "auto" ? defaultColormap(sign) : look.colormap;
    const clipped = look.clip < 100 ? `, clipped at percentile ${look.clip}` : "";
    const zero = both ? ", zero in the middle" : "";
    attribute(
      this.#bar,
      "aria-label",
      `Scale ${ends.filter(Boolean).join(" to ")}${zero}, ${colormap(name).label}${clipped}`,
    );
    this.#bar.title = clipped ? `Values beyond ±${readable(limit)} take the end colours${clipped}` : "";
    this.#paintBar(settingsOf(name, both));
  }

  #paintBar({ name, low }: { name: string; low: number }): void {
    const context = this.#bar.getContext("2d");
    if (!context) return;
    const ramp = Float32Array.from({ length: 256 }, (_, i) => low + ((1 - low) * i) / 255);
    const image = new ImageData(256, 1);
    const sign = low < 0 ? "both" : "absolute";
    const plane = { data: ramp, width: 256, height: 1, scale: 1, zero: 0 };
    colorize(plane, { colormap: name, clip: 100, sign }, new Uint32Array(image.data.buffer), [low, 1]);
    context.putImageData(image, 0, 0);
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

function settingsOf(name: string, both: boolean): { name: string; low: number } {
  return { name, low: both ? -1 : 0 };
}
