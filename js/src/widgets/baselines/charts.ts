/** The charts that stand below the lab: moved and shown in the page alone, without a word to the kernel. */

import type { PanelModel } from "../../live/client";
import type { Look } from "./known";

interface Part {
  set(values: Record<string, unknown>): void;
}

type ModelLike = Pick<PanelModel, "get" | "on" | "off" | "widget_manager">;

const PARTS = ["_path_cursor", "_ablation_cursor", "_path_layout", "_ablation_layout"] as const;
/** Out of sight, and yet as wide as ever: a chart of no size at all cannot draw its axes. */
const HIDDEN = { height: "0px", visibility: "hidden" };
const SHOWN = { height: null, visibility: null };

export class Charts {
  #parts = new Map<string, Part>();
  #look: Look | null = null;
  #offs: (() => void)[] = [];

  constructor(model: ModelLike) {
    for (const name of PARTS) {
      const find = () => void this.#find(name, model);
      // The charts are made after the lab's own model.
      model.on(`change:${name}`, find);
      this.#offs.push(() => model.off(`change:${name}`, find));
      find();
    }
  }

  dispose(): void {
    for (const off of this.#offs) off();
  }

  /** Set on the models and not saved: a scale whose ends are saved would tell the kernel of every move. */
  show(look: Look): void {
    const before = this.#look;
    this.#look = look;
    if (before?.alpha !== look.alpha) this.#slide("_path_cursor", look.alpha);
    if (before?.share !== look.share) this.#slide("_ablation_cursor", look.share);
    if (before?.tab === look.tab) return;
    for (const tab of ["path", "ablation"])
      this.#parts.get(`_${tab}_layout`)?.set(look.tab === tab ? SHOWN : HIDDEN);
  }

  /** The mark stands at 0 of a scale of its own, whose ends move against it. */
  #slide(name: string, place: number): void {
    this.#parts.get(name)?.set({ min: -place, max: 1 - place });
  }

  async #find(name: string, model: ModelLike): Promise<void> {
    const reference = String(model.get(name) ?? "").replace("IPY_MODEL_", "");
    if (!reference) return;
    try {
      this.#parts.set(name, (await model.widget_manager.get_model(reference)) as Part);
    } catch {
      return; // a host without bqplot shows the lab alone
    }
    const look = this.#look;
    this.#look = null;
    if (look) this.show(look);
  }
}
