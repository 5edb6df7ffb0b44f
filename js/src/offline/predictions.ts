/** The likeliest classes as bars; a click on one whose explanations were recorded makes it the target. */

import { Client, type Frame, type PanelModel } from "../live/client";
import { h, write } from "../ui/element";
import { percent } from "../ui/number";

interface Entry {
  index: number;
  name: string;
  probability: number;
}

export class Predictions {
  readonly root: HTMLElement;
  #client: Client;
  #list = h("ol", { class: "xw-bars" });
  #note = h("p", { class: "xw-page-note", role: "status", hidden: true });
  #frame: Frame | null = null;

  constructor(private readonly model: PanelModel) {
    this.root = h(
      "section",
      { class: "xw-root xw-predictions", "aria-label": "Predictions" },
      h("h3", { class: "xw-bars-title" }, "Predictions"),
      this.#list,
      this.#note,
    );
    this.#client = Client.connect(model);
    const feed = this.#client.feed("predictions");
    feed.onFrame((frame) => {
      this.#frame = frame;
      this.#paint();
    });
    feed.onStatus(({ phase, failure }) => {
      this.root.dataset.phase = phase;
      this.#note.hidden = phase !== "error";
      write(this.#note, failure?.message ?? "");
    });
    this.#client.onWelcome(() => this.#ask());
    this.#client.onSelect(() => this.#ask());
  }

  #ask(): void {
    if (!this.#client.welcome) return;
    this.#client.feed("predictions").request({ image: this.#client.values.image });
    this.#paint();
  }

  #paint(): void {
    const { meta, params } = this.#frame ?? {};
    if (!meta || params?.image !== this.#client.values.image) return;
    const top: Entry[] = meta.likeliest.slice(0, Number(this.model.get("count") ?? 5));
    const held = new Set((meta.top as Entry[]).map(({ index }) => index));
    const target = this.#client.values.target ?? top[0]?.index;
    this.#list.replaceChildren(
      ...top.map((entry) => this.#bar(entry, held.has(entry.index), entry.index === target)),
    );
  }

  #bar({ index, name, probability }: Entry, held: boolean, chosen: boolean): HTMLElement {
    const fill = h("i", { class: "xw-bar" });
    fill.style.width = `${100 * probability}%`;
    const parts = [
      h("span", { class: "xw-bar-name" }, name),
      h("span", { class: "xw-number" }, percent(probability)),
      h("span", { class: "xw-bar-room", "aria-hidden": "true" }, fill),
    ];
    if (!held) {
      const title = `${name}: its explanations are not in this page`;
      return h("li", {}, h("span", { class: "xw-bar-row", title }, ...parts));
    }
    const row = h(
      "button",
      {
        type: "button",
        class: "xw-bar-row",
        title: name,
        "aria-pressed": String(chosen),
        "data-class": index,
      },
      ...parts,
    );
    row.addEventListener("click", () => {
      this.#client.select({ target: index });
      this.#list.querySelector<HTMLElement>(`[data-class="${index}"]`)?.focus();
    });
    return h("li", {}, row);
  }
}
