/** The few pictograms, drawn on a 16 × 16 grid in the colour of the text. */

const PATHS = {
  holds: "M3.5 8.5l3 3 6-7",
  doubtful: "M8 3v6.2M8 12.2v.3",
  fails: "M4.2 4.2l7.6 7.6M11.8 4.2l-7.6 7.6",
  "not applicable": "M3.5 8h9",
  working: "M8 2.5a5.5 5.5 0 1 0 5.5 5.5",
  close: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  add: "M8 3v10M3 8h10",
  chevron: "M6 4l4 4-4 4",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3L14 14",
} as const;

export type IconName = keyof typeof PATHS;
const SVG = "http://www.w3.org/2000/svg";

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "xw-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
