/** The colours of a map and what their two ends stand for. */

import { colormap } from "../../draw/colormap";
import { colorize, defaultColormap } from "../../draw/heatmap";
import type { Sign } from "../../draw/plane";
import { attribute, h, write } from "../../ui/element";
import { readable, signed } from "../../ui/number";

export interface ScaleLook {
  sign: Sign;
  colormap: string;
  clip: number;
}

export class ScaleBar {
  readonly element: HTMLElement;
  #bar = h("canvas", { class: "xw-colorbar", width: 256, height: 1, role: "img" });
  #ends = [h("span", {}), h("span", {}), h("span", {})] as const;

  constructor() {
    const ticks = h("div", { class: "xw-ticks" }, ...this.#ends);
    const zero = h("i", { class: "xw-zero" });
    this.element = h("div", { class: "xw-scale", "data-empty": true }, this.#bar, zero, ticks);
  }

  /** Show what the colours mean where the strongest one stands for `limit`; null leaves the place empty. */
  show(limit: number | null, look: ScaleLook): void {
    this.element.toggleAttribute("data-empty", limit === null);
    if (limit === null) return;
    const { sign, clip } = look;
    const both = sign === "both";
    // "negative" paints sizes: its full end stands for minus the limit.
    const full = sign === "negative" ? -limit : limit;
    const ends = both
      ? [signed(-limit), "0", signed(limit)]
      : ["0", "", sign === "absolute" ? readable(full) : signed(full)];
    this.#ends.forEach((end, i) => {
      write(end, ends[i]!);
    });
    this.element.dataset.zero = both ? "middle" : "start";
    this.element.dataset.limit = String(limit);
    const name = look.colormap === "auto" ? defaultColormap(sign) : look.colormap;
    const clipped = clip < 100 ? `, clipped at percentile ${clip}` : "";
    const zero = both ? ", zero in the middle" : "";
    attribute(
      this.#bar,
      "aria-label",
      `Scale ${ends.filter(Boolean).join(" to ")}${zero}, ${colormap(name).label}${clipped}`,
    );
    this.#bar.title = clipped ? `Values beyond ±${readable(limit)} take the end colours${clipped}` : "";
    this.#paint(name, both ? -1 : 0);
  }

  #paint(name: string, low: number): void {
    const context = this.#bar.getContext("2d");
    if (!context) return;
    const ramp = Float32Array.from({ length: 256 }, (_, i) => low + ((1 - low) * i) / 255);
    const image = new ImageData(256, 1);
    const look = { colormap: name, clip: 100, sign: low < 0 ? ("both" as const) : ("absolute" as const) };
    const plane = { data: ramp, width: 256, height: 1, scale: 1, zero: 0 };
    colorize(plane, look, new Uint32Array(image.data.buffer), [low, 1]);
    context.putImageData(image, 0, 0);
  }
}
