/** The colour maps as choices, each shown as its own gradient. */

import { colormap, colormapNames, stopsOf } from "../../draw/colormap";
import type { Swatch } from "../../ui/swatches";

/** "Auto", which takes the map named here, and all others. */
export function swatchesFor(auto: string): Swatch[] {
  const colors = (name: string) => stopsOf(name).map((stop) => `#${stop}`);
  const all = colormapNames.map((name) => ({
    value: name,
    label: colormap(name).label,
    colors: colors(name),
  }));
  return [
    { value: "auto", label: `Auto: ${colormap(auto).label}`, colors: colors(auto), word: "auto" },
    ...all,
  ];
}
