/** A page without a kernel: the notebook's panels, unchanged, and a recording that answers them. */

import type { Welcome } from "../live/messages";
import { h } from "../ui/element";
import { LabCharts } from "./lab_charts";
import { Model } from "./model";
import { Pack } from "./pack";
import { Predictions } from "./predictions";
import { type Recorded, Recording } from "./recording";

/** A panel and where it stands. */
interface Place {
  name: string;
  /** The class of its place in an explorer; empty for a panel alone. */
  cell: string;
  grid: boolean;
  traits: Record<string, unknown>;
  /** The numbers of its bundle's pieces; a panel without a bundle is drawn by this page. */
  script?: number;
  style?: number;
}

interface Index {
  words: string;
  panels: Place[];
  welcome: Welcome;
  frames: Recorded[];
  blobs: number[];
}

/** What anywidget is given of a panel. */
interface Factory {
  initialize?(made: { model: Model }): unknown;
  render(made: { model: Model; el: HTMLElement }): unknown;
}

/** The explorer's panels by the class of their place. */
const CELLS: Record<string, string> = {
  layers: "xw-rail",
  features: "xw-cell-features",
  attribution: "xw-cell-attribution",
  predictions: "xw-cell-predictions",
  baselines: "xw-cell-baselines",
  sweep: "xw-cell-sweep",
  compare: "xw-cell-compare",
  visualization: "xw-cell-visualization",
};

/** Unpack what the page carries and show it in `page`. */
export async function open(page: HTMLElement, index: string, data: string): Promise<void> {
  const [{ words, panels, welcome, frames }, pack] = await Pack.open<Index>(index, data);
  const session = new Recording(welcome, frames, pack);
  const whole = panels.some(({ cell }) => cell !== "");
  const absent = Object.keys(CELLS).filter((name) => panels.every(({ cell }) => cell !== CELLS[name]));
  const root = h("div", { class: whole ? "xw-explorer" : "xw-alone" });
  const grid = h("div", { class: "xw-grid" });
  const cells = panels.map(({ cell }) => h("div", { class: cell }));
  cells.forEach((cell, i) => {
    if (panels[i]!.grid && grid.parentElement === null) root.append(grid);
    (panels[i]!.grid ? grid : root).append(cell);
  });
  for (const name of absent) root.classList.toggle(`xw-no-${name}`, whole);
  page.replaceChildren(h("p", { class: "xw-page-note" }, words), root);
  await Promise.all(
    panels.map(async (place, i) => {
      const model = new Model(session, place.traits);
      if (place.name === "image_strip" && whole) switches(model, root, absent);
      const lab = place.name === "baseline_lab";
      cells[i]!.classList.toggle("xw-lab", lab);
      await show(place, model, cells[i]!, pack);
      if (lab) cells[i]!.append(...new LabCharts(model, session).elements);
    }),
  );
  void session.ahead();
}

/** Show the panels that are switched on; for those that are not here there is no switch. */
function switches(strip: Model, root: HTMLElement, absent: readonly string[]): void {
  strip.set("_absent", absent);
  const follow = () => {
    const shown: string[] = strip.get("panels").filter((name: string) => !absent.includes(name));
    for (const name of Object.keys(CELLS)) root.classList.toggle(`xw-no-${name}`, !shown.includes(name));
  };
  strip.on("change:panels", follow);
  follow();
}

async function show({ script, style }: Place, model: Model, cell: HTMLElement, pack: Pack): Promise<void> {
  if (script === undefined || style === undefined) {
    cell.append(new Predictions(model).root);
    return;
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(await pack.text(style));
  document.adoptedStyleSheets.push(sheet);
  const panel = await load(await pack.text(script));
  const el = h("div", {});
  cell.append(el);
  await panel.initialize?.({ model });
  await panel.render({ model, el });
}

/** Run a bundle: the page's policy allows scripts that the page itself has made, and no others. */
async function load(script: string): Promise<Factory> {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  try {
    const { default: panel } = await import(url);
    return typeof panel === "function" ? await panel() : panel;
  } finally {
    URL.revokeObjectURL(url);
  }
}
