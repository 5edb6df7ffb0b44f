/** ImageStrip: the pictures to look at, adding more, and which panels are shown. */

import type { Client, Failure, Frame, PanelModel } from "../live/client";
import { nothing, panel } from "../panel";
import { h, listen, write } from "../ui/element";
import { icon } from "../ui/icon";
import { pressed } from "../ui/toolbar";
import { watchVisible } from "../ui/visibility";
import "../ui/theme.css";
import "../ui/controls.css";
import "./image_strip.css";

const PANELS: readonly (readonly [string, string])[] = [
  ["layers", "Layers"],
  ["features", "Feature maps"],
  ["attribution", "Attribution"],
  ["predictions", "Predictions"],
  ["baselines", "Baselines"],
  ["sweep", "Sweep"],
  ["compare", "Side by side"],
  ["visualization", "What it likes"],
];
const LARGEST = 64 * 2 ** 20;
const ADDING_MS = 30_000;

export type StripClient = Pick<
  Client,
  "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed" | "addImage"
>;
type ModelLike = Pick<PanelModel, "get" | "set" | "save_changes" | "on" | "off">;

export class ImageStrip {
  #name = h("span", { class: "xw-model-name" });
  #list = h("div", { class: "xw-thumbs", role: "radiogroup", "aria-label": "Image" });
  #message = h("div", { class: "xw-strip-message", role: "status" });
  #panels = new Map<string, ReturnType<typeof pressed>>();
  #toggles = h("div", { class: "xw-toggles", role: "group", "aria-label": "Panels" });
  #picker = h("input", {
    type: "file",
    accept: "image/*",
    multiple: true,
    class: "xw-sr",
    tabindex: -1,
    "aria-hidden": "true",
  });
  #add = h(
    "button",
    { type: "button", class: "xw-add", title: "Add images: choose files, drop them here, or paste" },
    icon("add"),
    h("span", {}, "Add"),
  );
  #thumbs: HTMLElement[] = [];
  #names: string[] = [];
  #expected = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #visible = false;
  #offs: (() => void)[] = [];

  constructor(
    private readonly client: StripClient,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
  ) {
    root.classList.add("xw-root", "xw-image-strip");
    root.tabIndex = -1;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Images");
    // What a page without a kernel does not hold has no switch in it.
    const absent: string[] = model.get("_absent") ?? [];
    for (const [name, label] of PANELS.filter(([name]) => !absent.includes(name))) {
      const button = pressed({ label, value: true, onChange: () => this.#toggle() });
      this.#panels.set(name, button);
      this.#toggles.append(button.element);
    }
    // Alone in a cell, without an explorer around it, there are no panels to switch.
    this.#toggles.hidden = !Array.isArray(model.get("panels"));
    const head = h("div", { class: "xw-strip-head" }, this.#name, this.#message, this.#toggles);
    root.replaceChildren(head, h("div", { class: "xw-strip-row" }, this.#list, this.#add, this.#picker));
    this.#wire();
  }

  dispose(): void {
    for (const off of this.#offs) off();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.root.replaceChildren();
  }

  get #feed() {
    return this.client.feed("thumbnails");
  }

  #wire(): void {
    const { client, root } = this;
    const off = this.#offs;
    off.push(client.onWelcome(() => this.#refresh()));
    off.push(client.onSelect(() => this.#mark()));
    off.push(this.#feed.onFrame((frame) => this.#paint(frame)));
    off.push(
      this.#feed.onStatus(({ phase, failure }) => {
        root.dataset.phase = phase;
        if (phase === "error" && failure) this.#say(`${failure.message} ${failure.hint}`.trim(), "fails");
      }),
    );
    off.push(
      client
        .feed("add")
        .onStatus(({ phase, failure }) => phase === "error" && failure && this.#refuse(failure)),
    );
    root.dataset.phase = this.#feed.status.phase;
    const panels = () => this.#showPanels();
    this.model.on("change:panels", panels);
    off.push(() => this.model.off("change:panels", panels));
    panels();
    this.#add.addEventListener("click", () => this.#picker.click());
    this.#picker.addEventListener("change", () => {
      void this.#take([...(this.#picker.files ?? [])]);
      this.#picker.value = "";
    });
    off.push(listen(this.#list, "keydown", (event) => this.#keydown(event)));
    off.push(listen(root, "paste", (event) => this.#pasted(event)));
    for (const type of ["dragenter", "dragover"] as const)
      off.push(listen(root, type, (event) => this.#over(event)));
    off.push(
      listen(root, "dragleave", (event) => {
        if (!root.contains(event.relatedTarget as Node | null)) delete root.dataset.dropping;
      }),
    );
    off.push(listen(root, "drop", (event) => this.#dropped(event)));
    off.push(
      watchVisible(root, (visible) => {
        this.#visible = visible;
        if (visible) this.#refresh();
      }),
    );
  }

  // -- the thumbnails ----------------------------------------------------------------------------------

  #refresh(): void {
    const { welcome } = this.client;
    if (!welcome || !this.#visible) return;
    write(this.#name, welcome.model);
    this.#add.hidden = !!welcome.recorded;
    const names = welcome.images.map(({ name }) => name);
    if (JSON.stringify(names) !== JSON.stringify(this.#names)) this.#rebuild(names);
    this.#mark();
    // The number of pictures is part of the wish: with one more, the cached answer is no answer.
    this.#feed.request({ count: names.length });
    // A second view of the model asks for what the first one has: the feed says nothing twice.
    const known = this.#feed.peek({ count: names.length });
    if (known) this.#paint(known);
  }

  #rebuild(names: string[]): void {
    const more = names.length - this.#names.length;
    this.#names = names;
    this.#thumbs = names.map((name, i) => this.#thumb(name, i));
    this.#list.replaceChildren(...this.#thumbs);
    if (this.#expected > 0 && more > 0) {
      this.#expected = Math.max(0, this.#expected - more);
      if (this.#expected === 0) this.#say("", "");
    }
  }

  #thumb(name: string, index: number): HTMLElement {
    const canvas = h("canvas", { width: 1, height: 1, role: "img", "aria-label": name });
    const label = h("span", { class: "xw-thumb-name" }, name);
    const radio = h(
      "button",
      { type: "button", class: "xw-thumb", role: "radio", "aria-checked": "false", title: name },
      canvas,
      label,
    );
    radio.addEventListener("click", () => this.client.select({ image: index }));
    return radio;
  }

  #paint(frame: Frame): void {
    this.#thumbs.forEach((thumb, i) => {
      const array = frame.arrays[String(i)];
      const canvas = thumb.querySelector("canvas");
      if (!array || !canvas) return;
      const [height, width] = array.shape as [number, number];
      canvas.width = width;
      canvas.height = height;
      const image = new ImageData(width, height);
      for (let at = 0, from = 0; at < image.data.length; at += 4, from += 3) {
        image.data[at] = array.data[from]!;
        image.data[at + 1] = array.data[from + 1]!;
        image.data[at + 2] = array.data[from + 2]!;
        image.data[at + 3] = 255;
      }
      canvas.getContext("2d")?.putImageData(image, 0, 0);
    });
  }

  #mark(): void {
    const { image } = this.client.values;
    this.#thumbs.forEach((thumb, i) => {
      thumb.setAttribute("aria-checked", String(i === image));
      thumb.tabIndex = i === image || (i === 0 && image >= this.#thumbs.length) ? 0 : -1;
    });
    this.root.dataset.index = String(image);
  }

  #keydown(event: KeyboardEvent): void {
    const count = this.#thumbs.length;
    const { image } = this.client.values;
    const to: Record<string, number> = {
      ArrowRight: image + 1,
      ArrowDown: image + 1,
      ArrowLeft: image - 1,
      ArrowUp: image - 1,
      Home: 0,
      End: count - 1,
    };
    const next = to[event.key];
    if (next === undefined || count === 0) return;
    event.preventDefault();
    const index = (next + count) % count;
    this.client.select({ image: index });
    this.#thumbs[index]?.focus();
    this.#thumbs[index]?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }

  // -- adding ------------------------------------------------------------------------------------------

  #over(event: DragEvent): void {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
    this.root.dataset.dropping = "";
  }

  #dropped(event: DragEvent): void {
    delete this.root.dataset.dropping;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    void this.#take(files);
  }

  #pasted(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    void this.#take(files);
  }

  async #take(files: readonly File[]): Promise<void> {
    const refused: string[] = [];
    for (const file of files) {
      const reason = reject(file);
      if (reason) {
        refused.push(reason);
        continue;
      }
      this.#expected += 1;
      const gone = this.client.addImage(file.name || "pasted.png", await file.arrayBuffer());
      if (!gone) continue;
      this.#expected -= 1;
      refused.push(`${gone.message} ${gone.hint}`);
    }
    if (refused.length > 0) this.#say([...new Set(refused)].join(" "), "fails");
    else if (this.#expected > 0)
      this.#say(this.#expected === 1 ? "Adding the image …" : `Adding ${this.#expected} images …`, "");
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#forget(), ADDING_MS);
  }

  /** The kernel could not read a file: what, why and what to do, beside the pictures. */
  #refuse({ message, hint }: Failure): void {
    this.#expected = Math.max(0, this.#expected - 1);
    this.#say(`${message} ${hint}`.trim(), "fails");
  }

  #forget(): void {
    if (this.#expected > 0) this.#say("The kernel has not taken the image. It may be busy.", "doubtful");
    this.#expected = 0;
  }

  #say(text: string, verdict: "" | "fails" | "doubtful"): void {
    this.#message.dataset.verdict = verdict;
    this.#message.title = text;
    this.#message.replaceChildren(...(verdict ? [icon(verdict)] : []), h("span", {}, text));
  }

  // -- the panels --------------------------------------------------------------------------------------

  #showPanels(): void {
    const shown: string[] = this.model.get("panels") ?? [];
    for (const [name, button] of this.#panels) button.set(shown.includes(name));
  }

  #toggle(): void {
    const shown = [...this.#panels].filter(([, button]) => button.get()).map(([name]) => name);
    this.model.set("panels", shown);
    this.model.save_changes();
  }
}

/** Why a file is not sent at all; the kernel judges the rest. */
function reject(file: File): string | null {
  if (file.type && !file.type.startsWith("image/")) return `${file.name} is not an image (${file.type}).`;
  if (file.size === 0) return `${file.name} is empty.`;
  if (file.size > LARGEST) return `${file.name} is larger than 64 MB.`;
  return null;
}

export default panel(nothing, (client, model, el) => {
  const root = document.createElement("div");
  el.append(root);
  return new ImageStrip(client, model, root);
});
