/** AttributionView: where in the picture the answer comes from, and what speaks for that. */

import { plane } from "../draw/plane";
import type { Client, Frame, PanelModel, Params, Status, Values } from "../live/client";
import { Latest, later } from "../live/latest";
import { canonical } from "../live/messages";
import { panel } from "../panel";
import { h, listen, write } from "../ui/element";
import { type Evidence, EvidenceLine } from "../ui/evidence";
import { percent, readable } from "../ui/number";
import { Standing } from "../ui/standing";
import { watchVisible, watchWidth } from "../ui/visibility";
import { Controls } from "./attribution/controls";
import type { LayerChoice } from "./attribution/kinds";
import { type Look, Panes } from "./attribution/panes";
import type { Prediction } from "./attribution/target";
import { attributionWish, methodOf, needs } from "./attribution/wish";
import { baselineWords, meanSize, strongest } from "./attribution/words";
import type { Aims, aims } from "./attribution_aims";
import "../ui/theme.css";
import "../ui/controls.css";
import "../ui/figure.css";
import "./attribution_view.css";

const LOOK: readonly (keyof Look)[] = ["view", "opacity", "clip", "sign", "colormap", "top"];
const USUAL: Look = { view: "side", opacity: 0.75, clip: 99, sign: "both", colormap: "auto", top: 100 };
const SAVE_MS = 120;

/** The part of the client that the view uses, so that a page without a kernel can stand in for it. */
export type ClientLike = Pick<Client, "welcome" | "values" | "select" | "onWelcome" | "onSelect" | "feed">;
type ModelLike = Pick<PanelModel, "get" | "set" | "save_changes" | "on" | "off">;

export class AttributionView {
  #panes: Panes;
  #controls: Controls;
  #evidence = new EvidenceLine();
  #standing: Standing;
  #title = h(
    "h3",
    { class: "xw-title" },
    h("span", { class: "xw-title-line" }, h("b", {}), h("span", { class: "xw-number" })),
    h("span", { class: "xw-title-rest" }),
  );
  #offs: (() => void)[] = [];
  #frame: Frame | null = null;
  #pictureOf: number | null = null;
  #meanSize = 0;
  #top: Prediction[] = [];
  #topOf: number | null = null;
  #layers: LayerChoice[] = [];
  #aims: Aims | null = null;
  #visible = false;
  #drawn = false;
  #save = new Latest(() => this.model.save_changes(), later(SAVE_MS));

  constructor(
    private readonly client: ClientLike,
    private readonly model: ModelLike,
    private readonly root: HTMLElement,
    others?: Promise<typeof aims>,
  ) {
    this.#panes = new Panes(() => {});
    this.#standing = new Standing(
      root,
      () => this.#feed.cancel(),
      () => this.#ask(),
    );
    this.#controls = new Controls({
      select: (values) => this.client.select(values),
      look: (changes) => this.#setLook(changes),
    });
    this.#build();
    this.#wire();
    others?.then(
      (make) => this.#more(make),
      (error: unknown) => console.warn("[xai_widgets] targets beyond one class:", error),
    );
  }

  dispose(): void {
    for (const off of this.#offs) off();
    this.#save.flush();
    this.#controls.dispose();
    this.#standing.dispose();
    this.root.replaceChildren();
  }

  get #feed() {
    return this.client.feed("attribution");
  }

  get #look(): Look {
    const entries = LOOK.map((key) => [key, this.model.get(key) ?? USUAL[key]]);
    return Object.fromEntries(entries) as Look;
  }

  get #wish(): Params | null {
    const { welcome, values } = this.client;
    return welcome && attributionWish(welcome, values);
  }

  #more(make: typeof aims): void {
    this.#aims = make((target) => this.client.select({ target }));
    this.#controls.more(this.#aims.fields);
    this.#panes.lay(...this.#aims.layers);
    this.#draw();
  }

  #build(): void {
    this.root.classList.add("xw-root", "xw-attribution-view");
    this.root.tabIndex = -1;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Attribution");
    const head = h("div", { class: "xw-head" }, this.#title, this.#controls.view.element);
    const foot = h("div", { class: "xw-foot" }, this.#evidence.element, this.#standing.words);
    const stage = h("div", { class: "xw-stage" }, this.#panes.element, this.#standing.notice.element);
    const main = h("div", { class: "xw-main" }, this.#standing.line, stage, foot);
    this.root.replaceChildren(
      h("div", { class: "xw-frame" }, head, h("div", { class: "xw-body" }, main, this.#controls.element)),
    );
    this.#offs.push(watchWidth(stage, (width) => this.#panes.resize(width)));
  }

  #wire(): void {
    const { client } = this;
    const off = this.#offs;
    off.push(client.onWelcome(() => this.#refresh()));
    off.push(client.onSelect((_, changed) => this.#selected(changed)));
    off.push(this.#feed.onFrame((frame) => this.#arrived(frame)));
    off.push(this.#feed.onStatus((status) => this.#showStatus(status)));
    off.push(client.feed("input").onFrame((frame) => this.#pictured(frame)));
    off.push(client.feed("predictions").onFrame((frame) => this.#predicted(frame)));
    off.push(client.feed("layers").onFrame((frame) => this.#layered(frame)));
    const repaint = () => this.#draw();
    for (const key of LOOK) {
      this.model.on(`change:${key}`, repaint);
      off.push(() => this.model.off(`change:${key}`, repaint));
    }
    off.push(listen(this.root, "keydown", (event) => this.#keydown(event)));
    off.push(listen(this.root, "pointerdown", (event) => this.#focus(event)));
    off.push(watchVisible(this.root, (visible) => this.#seen(visible)));
    this.#controls.sleep(true);
    this.#showStatus(this.#feed.status);
  }

  // -- asking ----------------------------------------------------------------------------------------

  #seen(visible: boolean): void {
    this.#visible = visible;
    if (visible) this.#refresh();
  }

  #refresh(): void {
    if (!this.client.welcome) return;
    this.#standing.greeted();
    this.#controls.sleep(false);
    this.#ask();
    this.#draw();
  }

  #selected(changed: Set<keyof Values>): void {
    const touched = [...changed].some((key) => key !== "channel");
    if (touched) this.#refresh();
  }

  #ask(): void {
    const { welcome, values } = this.client;
    const wish = this.#wish;
    if (!this.#visible || !welcome || !wish) return;
    const image = { image: values.image };
    this.client.feed("input").request(image);
    this.client.feed("predictions").request(image);
    const inside = values.target !== null && typeof values.target === "object";
    if (inside || needs(methodOf(welcome, values), "layer")) this.client.feed("layers").request(image);
    this.#feed.request(wish);
  }

  // -- what arrives ------------------------------------------------------------------------------------

  #pictured(frame: Frame): void {
    const picture = frame.arrays.picture;
    if (!picture || frame.params.image !== this.client.values.image) return;
    const [height, width] = picture.shape as [number, number];
    this.#pictureOf = Number(frame.params.image);
    this.#panes.picture = { data: picture.data, width, height };
    this.#pair();
    this.#draw();
  }

  #predicted(frame: Frame): void {
    this.#top = frame.meta?.top ?? [];
    this.#topOf = Number(frame.params.image);
    this.#draw();
  }

  #layered(frame: Frame): void {
    this.#layers = frame.meta?.layers ?? [];
    this.#draw();
  }

  #arrived(frame: Frame): void {
    this.#frame = frame;
    if (!this.#current()) this.#standing.follows();
    this.#pair();
    this.#draw();
  }

  /** A map is only ever shown with the picture that it explains. */
  #pair(): void {
    const frame = this.#frame;
    const tensor = frame?.arrays.map;
    const fits = tensor && (this.#pictureOf === null || frame?.params.image === this.#pictureOf);
    const map = fits ? plane(tensor) : null;
    this.#meanSize = map ? meanSize(map) : 0;
    this.#panes.show(map, frame?.meta?.signed !== false);
  }

  // -- showing -----------------------------------------------------------------------------------------

  #draw(): void {
    const { welcome, values } = this.client;
    if (!this.#visible || !welcome) return;
    const look = this.#look;
    this.#panes.paint(look);
    const method = methodOf(welcome, values);
    const label = this.#frame?.meta?.target?.label ?? null;
    const top = this.#topOf === values.image ? this.#top : [];
    const layers = this.#layers;
    const signed = method?.signed !== false;
    this.#controls.show({ welcome, values, top, layers, look, signed, targetLabel: label });
    if (!welcome.recorded) this.#aims?.show({ welcome, values, top, layers });
    this.#showFrame();
    if (!this.#drawn) this.#showStatus(this.#feed.status);
    this.#drawn = true;
  }

  #showFrame(): void {
    const frame = this.#frame;
    const { dataset } = this.root;
    if (!frame) {
      this.#entitle(this.client.welcome?.model ?? "", null, "");
      return;
    }
    const { meta, params, step } = frame;
    const evidence: Evidence | null = meta?.evidence ?? null;
    this.#evidence.show(evidence);
    dataset.method = String(params.method ?? "");
    dataset.target = String(meta?.target?.label ?? "");
    dataset.baseline = meta?.baseline ? String(meta.baseline.name ?? meta.baseline) : "";
    dataset.evidence = evidence?.line ?? "";
    dataset.index = String(step.index);
    this.#showTitle(frame);
    this.#panes.describe(`The picture: ${meta?.name ?? this.#imageName()}`, this.#summary(frame));
    this.root.toggleAttribute("data-outdated", !this.#current());
  }

  /** What the picture on the screen shows, which may be older than what the controls wish. */
  #showTitle(frame: Frame): void {
    const { meta, params } = frame;
    const { welcome } = this.client;
    const chance = this.#chance(meta?.target?.index);
    const parts = [
      this.#methodLabel(params),
      welcome && baselineWords(welcome, params.baseline as Params | null),
      this.#layerLabel(frame),
    ].filter(Boolean);
    this.#entitle(String(meta?.target?.label ?? ""), chance, parts.join(" · "));
  }

  #entitle(target: string, chance: string | null, rest: string): void {
    write(this.#title.children[0]!.children[0]!, target);
    write(this.#title.children[0]!.children[1]!, chance ?? "");
    write(this.#title.children[1]!, rest);
    this.#title.title = [target, chance, rest].filter(Boolean).join(" · ");
  }

  #showStatus(status: Status): void {
    const told = this.#standing.show(status, this.#error(status), this.#frame === null);
    if (!told) this.#standing.notice.hide();
    this.root.toggleAttribute("data-outdated", this.#frame !== null && !this.#current());
  }

  /**
   * The error as a share of the map's mean size. The evidence has worked it out on the values themselves;
   * the map on the screen is their sum over channels, which is the next best thing.
   */
  #error({ phase, error }: Status): number | null {
    const evidence: Evidence | undefined = this.#frame?.meta?.evidence;
    const judged = evidence?.checks?.find(({ name }) => name === "convergence")?.figure;
    if (phase !== "waiting" && this.#current() && typeof judged === "number") return judged || null;
    return error && this.#meanSize > 0 ? error / this.#meanSize : null;
  }

  // -- words -------------------------------------------------------------------------------------------

  #current(): boolean {
    return this.#frame !== null && canonical(this.#frame.params) === canonical(this.#wish);
  }

  #imageName(): string {
    return this.client.welcome?.images[this.client.values.image]?.name ?? "";
  }

  #chance(index: unknown): string | null {
    if (this.#topOf !== this.#frame?.params.image) return null;
    const found = this.#top.find((one) => one.index === index);
    return typeof found?.probability === "number" ? percent(found.probability) : null;
  }

  #methodLabel({ method }: Params): string {
    return this.client.welcome?.methods.find(({ name }) => name === method)?.label ?? String(method ?? "");
  }

  #layerLabel({ meta, params }: Frame): string | null {
    const layer = meta?.layer ?? params.layer;
    return layer ? `at ${layer}` : null;
  }

  #summary(frame: Frame): string {
    const { map } = this.#panes;
    const label = frame.meta?.target?.label ?? "the target";
    const what = `${this.#methodLabel(frame.params)} for ${label}`;
    if (!map) return what;
    const peak = strongest(map);
    return `${what}: strongest at x ${peak.x}, y ${peak.y} with ${readable(peak.value)}. ${frame.meta?.evidence?.line ?? ""}`;
  }

  // -- hands -------------------------------------------------------------------------------------------

  #setLook(changes: Partial<Look>): void {
    for (const [key, value] of Object.entries(changes)) this.model.set(key, value); // which draws
    this.#save.drop();
    this.#save.push();
  }

  /** A click on a picture brings the keys to it. */
  #focus(event: PointerEvent): void {
    if (event.target instanceof HTMLCanvasElement) this.#panes.pictures.focus({ preventScroll: true });
  }

  #keydown(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      const running = ["waiting", "refining", "stale"].includes(this.#feed.status.phase);
      if (!running && !this.#panes.spot) return;
      if (running) this.#feed.cancel();
      else this.#panes.point(null);
      event.preventDefault();
      return;
    }
    const here = event.target === this.root || event.target === this.#panes.pictures;
    if (!here || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = this.#move(event);
    if (!move) return;
    event.preventDefault();
    this.#panes.step(...move);
  }

  #move({ key, shiftKey }: KeyboardEvent): [number, number] | null {
    const by = shiftKey ? 10 : 1;
    const [width] = this.#panes.size;
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-by, 0],
      ArrowRight: [by, 0],
      ArrowUp: [0, -by],
      ArrowDown: [0, by],
      Home: [-width, 0],
      End: [width, 0],
    };
    return moves[key] ?? null;
  }
}

/** The module of what is more than one class, from the text that the model holds; a page without a kernel has none. */
async function load(model: PanelModel): Promise<typeof aims> {
  const url = URL.createObjectURL(new Blob([String(model.get("_aims"))], { type: "text/javascript" }));
  try {
    return ((await import(url)) as { aims: typeof aims }).aims;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** What all views of a model share. */
function shared(model: PanelModel) {
  return { others: model.get("_aims") ? load(model) : undefined, dispose() {} };
}

export default panel(shared, (client, model, el, { others }) => {
  const root = document.createElement("div");
  el.append(root);
  return new AttributionView(client, model, root, others);
});
