/** The rows of Predictions: a radio button for each class makes it the target. The bars beside them are bqplot's. */

import type { Client, PanelModel, Status } from "../live/client";
import { canonical } from "../live/messages";
import { nothing, panel } from "../panel";
import { fill, h, uid, write } from "../ui/element";
import { rescue, retry } from "../ui/focus";
import { percent } from "../ui/number";
import { watchVisible } from "../ui/visibility";
import { keysOf, meantBy, PREDICTED, type Prediction } from "./attribution/target";
import "../ui/theme.css";
import "../ui/controls.css";
import "./predictions.css";

export type RowsClient = Pick<Client, "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed">;
type ModelLike = Pick<PanelModel, "get" | "on" | "off">;

interface Row {
  element: HTMLElement;
  radio: HTMLInputElement;
  name: HTMLElement;
  share: HTMLElement;
}

export class PredictionRows {
  #title = h("h3", { class: "xw-title", id: uid("predictions") }, "Predictions");
  #message = h("div", { class: "xw-pr-message", role: "status" });
  #list = h("div", { class: "xw-pr-rows", role: "radiogroup", "aria-labelledby": this.#title.id });
  #group = uid("classes");
  #rows: Row[] = [];
  #top: Prediction[] = [];
  #visible = false;
  #offs: (() => void)[] = [];

  constructor(
    private readonly client: RowsClient,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
  ) {
    root.classList.add("xw-root", "xw-prediction-rows");
    root.tabIndex = -1;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Predictions");
    root.replaceChildren(h("div", { class: "xw-pr-head" }, this.#title, this.#message), this.#list);
    this.#wire();
  }

  dispose(): void {
    for (const off of this.#offs) off();
    this.root.replaceChildren();
  }

  get #feed() {
    return this.client.feed("predictions");
  }

  #wire(): void {
    const { client, model } = this;
    const count = () => this.#show();
    model.on("change:count", count);
    this.#offs.push(
      () => model.off("change:count", count),
      client.onWelcome(() => this.#ask()),
      client.onSelect((_, changed) => {
        if (changed.has("image")) this.#ask();
        if (changed.has("target")) this.#mark();
      }),
      this.#feed.onStatus((status) => this.#status(status)),
      this.#feed.onFrame(({ params, meta }) => {
        if (params.image !== client.values.image) return;
        this.#top = meta?.top ?? [];
        this.#show();
      }),
      watchVisible(this.root, (visible) => {
        this.#visible = visible;
        if (visible) this.#ask();
      }),
    );
    this.#status(this.#feed.status);
    this.#show();
  }

  #ask(): void {
    const { welcome, values } = this.client;
    if (!welcome || !this.#visible || welcome.images.length === 0) return;
    const wish = { image: values.image };
    this.#feed.request(wish);
    // A second view of the model asks for what the first one has: the feed says nothing twice.
    this.#top = this.#feed.peek(wish)?.meta?.top ?? this.#top;
    this.#show();
  }

  #status({ phase, failure }: Status): void {
    const before = this.root.dataset.phase;
    this.root.dataset.phase = phase;
    if ((before === "error") !== (phase === "error")) this.#show();
    if (phase === "error" && failure) this.#fail(`${failure.message} ${failure.hint}`.trim());
    else fill(this.#message, [phase === "stale" && "Kernel busy or gone"]);
  }

  #fail(text: string): void {
    const again = retry(() => this.#feed.again());
    fill(this.#message, [h("span", { class: "xw-pr-failure", title: text }, text), again]);
  }

  // -- the rows ----------------------------------------------------------------------------------------

  #show(): void {
    const count = Number(this.model.get("count") ?? 5);
    // The same elements for every image, so that the focus stays in its row.
    while (this.#rows.length < count) this.#rows.push(this.#row());
    for (const { element } of this.#rows.splice(count)) element.remove();
    const failed = this.root.dataset.phase === "error";
    if (failed) rescue(this.#list);
    this.#rows.forEach((row, i) => {
      const found = this.#top[i];
      row.element.toggleAttribute("data-empty", !found);
      row.radio.disabled = failed || !found;
      row.radio.value = found ? String(found.index) : "";
      write(row.name, found?.name ?? "");
      const measure = this.client.welcome?.measure;
      row.element.title = found ? `${found.name}${measure ? `, ${measure}` : ""}` : "";
      write(row.share, found && found.probability !== null ? percent(found.probability) : "");
    });
    this.#mark();
  }

  #mark(): void {
    const { target } = this.client.values;
    const { main } = keysOf(target);
    const predicted = main === PREDICTED;
    const meant = this.#top.map((one, i) =>
      predicted ? i === 0 : canonical(meantBy(one)) === canonical(target),
    );
    // Of a margin, or a class within a box, the class; boxes of one label are told apart.
    const index = (target as { index?: number } | null)?.index ?? Number(main);
    const loose = !meant.includes(true);
    this.#rows.forEach(({ radio }, i) => {
      const one = this.#top[i];
      radio.checked = meant[i] || (loose && !!one && !one.box && one.index === index);
    });
  }

  #row(): Row {
    const radio = h("input", { type: "radio", class: "xw-radio", name: this.#group });
    radio.addEventListener("change", () => {
      const one = this.#top[this.#rows.findIndex((row) => row.radio === radio)];
      if (one) this.client.select({ target: meantBy(one) });
    });
    const name = h("span", { class: "xw-pr-name" });
    const share = h("span", { class: "xw-pr-share" });
    const element = h("label", { class: "xw-pr-row" }, radio, name, share);
    this.#list.append(element);
    return { element, radio, name, share };
  }
}

export default panel(nothing, (client, model, el) => {
  const root = document.createElement("div");
  el.append(root);
  return new PredictionRows(client, model, root);
});
