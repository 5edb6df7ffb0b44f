/** One panel's line to its session: the selection, the wishes and what comes of them. */

import type { Frame } from "./codec";
import { Feed } from "./feed";
import { type ChannelModel, Hub, type Listener } from "./hub";
import { Latest, later, soon } from "./latest";
import type { Failure, FromKernel, Params, ToKernel, Values, Welcome } from "./messages";
import { canonical } from "./messages";
import { tell } from "./tell";

export type { Frame, Tensor } from "./codec";
export type { Phase, Status } from "./feed";
export { Feed } from "./feed";
export type * from "./messages";

/** The part of anywidget's model that we use. */
export interface PanelModel {
  // Traits are of any type.
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, fn: (...args: never[]) => void): void;
  off(event: string, fn?: (...args: never[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: (ArrayBuffer | ArrayBufferView)[]): void;
  widget_manager: { get_model(id: string): Promise<unknown> };
}

const KEYS: readonly (keyof Values)[] = [
  "image",
  "target",
  "layer",
  "channel",
  "method",
  "params",
  "baseline",
  "seed",
];
const BLANK: Values = {
  image: 0,
  target: null,
  layer: null,
  channel: null,
  method: "",
  params: {},
  baseline: {},
  seed: 0,
};

const GREETING_MS = 5000;
/** Where nothing is wished with it, the kernel hears of a selection after what another panel asks for. */
const TELL_MS = 60;
const RETELL_MS = 2000;
const LONGEST_RETELL_MS = 8000;
const GONE = { type: "KernelGone", message: "The kernel is gone.", hint: "Run the cell again." };
const WAITS = "Waiting for the running cell";
const SILENT = "Kernel busy or disconnected";

interface Wish {
  seq: number;
  params: Params;
}

export class Client implements Listener {
  readonly id = Math.random().toString(36).slice(2, 12);
  #hub: Hub | null = null;
  #feeds = new Map<string, Feed>();
  #wishes = new Map<string, Wish>();
  #send: Latest;
  #tell: Latest;
  #welcomes = new Set<(welcome: Welcome) => void>();
  #selects = new Set<(values: Values, changed: Set<keyof Values>) => void>();
  #mirrors: (() => void)[] = [];
  /** The host has no data channel, or no way to the kernel: one that was shut down it doesn't tell of. */
  #lost = false;
  #views = 0;
  #greeting: ReturnType<typeof setTimeout> | null = null;
  #retelling: ReturnType<typeof setTimeout> | null = null;
  #closed = false;

  static connect(model: PanelModel): Client {
    const client = new Client(model);
    // Not awaited: anywidget drops the messages of a model whose `initialize` takes its time.
    void client.#join();
    return client;
  }

  private constructor(private readonly model: PanelModel) {
    this.#send = new Latest(() => this.#flush());
    this.#tell = new Latest(() => this.#select(), later(TELL_MS));
    for (const key of KEYS) this.#mirror(key);
  }

  get welcome(): Welcome | null {
    return this.#hub?.welcome ?? null;
  }

  get values(): Values {
    return this.#hub?.values ?? BLANK;
  }

  /** Change the selection: at once for every panel of the session in this page, then for the kernel. */
  select(values: Partial<Values>): void {
    if (this.#hub?.wish(values)) this.#tell.push();
  }

  onWelcome(fn: (welcome: Welcome) => void): () => void {
    this.#welcomes.add(fn);
    if (this.welcome) fn(this.welcome);
    return () => this.#welcomes.delete(fn);
  }

  onSelect(fn: (values: Values, changed: Set<keyof Values>) => void): () => void {
    this.#selects.add(fn);
    return () => this.#selects.delete(fn);
  }

  feed(topic: string): Feed {
    let feed = this.#feeds.get(topic);
    if (!feed) {
      feed = new Feed(topic, {
        ask: (name, seq, params) => {
          this.#wishes.set(name, { seq, params });
          this.#send.push();
        },
        cancel: (name) => {
          this.#wishes.delete(name);
          this.#post({ type: "cancel", client: this.id, topic: name });
        },
        again: (name, seq, params) =>
          this.#post({ type: "again", client: this.id, topic: name, seq, params }),
        cached: (name, params) => this.#hub?.cache.get(name, params),
        gone: () => this.#gone(),
        silent: () => (this.welcome?.waits ? WAITS : SILENT),
      });
      this.#feeds.set(topic, feed);
    }
    return feed;
  }

  /** The model for a view: what is set goes to Python a second way, for a host's synchronisation can jam. */
  steady(model: PanelModel): PanelModel {
    let values: Record<string, unknown> = {};
    return {
      get: (name) => model.get(name),
      set(name, value) {
        values[name] = value;
        model.set(name, value);
      },
      save_changes: () => {
        this.#tried(() => model.save_changes());
        this.#post({ type: "traits", client: this.id, values });
        values = {};
      },
      on: (event, fn) => model.on(event, fn),
      off: (event, fn) => model.off(event, fn),
      send: (...message) => model.send(...message),
      widget_manager: model.widget_manager,
    };
  }

  /** Give the kernel an image; returns what keeps it from being sent. */
  addImage(name: string, bytes: ArrayBuffer): Failure | null {
    return this.#tried(() => this.model.send({ type: "add", client: this.id, name }, undefined, [bytes]));
  }

  get shown(): boolean {
    return this.#views > 0;
  }

  /** The panel has one more view in this page. */
  appeared(): void {
    this.#views += 1;
    if (this.#views === 1) this.rolled();
  }

  /** The panel has one view less; without any, nothing is wished. */
  left(): void {
    this.#views -= 1;
    if (this.shown) return;
    this.#wishes.clear();
    for (const feed of this.#feeds.values()) feed.rest();
    this.#post({ type: "gone", client: this.id });
    this.#hub?.left();
  }

  dispose(): void {
    this.#closed = true;
    for (const timer of [this.#greeting, this.#retelling]) if (timer !== null) clearTimeout(timer);
    this.#hub?.listeners.delete(this);
    this.#send.drop();
    this.#tell.flush();
    for (const feed of this.#feeds.values()) feed.dispose();
    for (const off of this.#mirrors) off();
    this.#welcomes.clear();
    this.#selects.clear();
  }

  // -- what the hub tells ---------------------------------------------------------------------------

  greeted(welcome: Welcome): void {
    tell(this.#welcomes, welcome);
  }

  selected(values: Values, changed: Set<keyof Values>): void {
    for (const key of changed) if (this.model.get(key) !== undefined) this.model.set(key, values[key]);
    tell(this.#selects, values, changed);
  }

  arrived(message: FromKernel, frame: Frame | null): void {
    if (!("topic" in message)) return;
    const mine = message.client === this.id;
    this.#feeds.get(message.topic)?.arrived(message, frame, mine);
    if (mine && message.type === "frame") {
      const { topic, seq } = message;
      soon(() => this.#post({ type: "ack", client: this.id, topic, seq }));
    }
  }

  reset(): void {
    for (const feed of this.#feeds.values()) feed.again();
  }

  lived(alive: boolean): void {
    this.#lost = !alive;
    for (const feed of this.#feeds.values()) {
      if (alive) feed.again();
      else feed.gone();
    }
  }

  rolled(): void {
    if (this.shown) this.#post({ type: "shown", client: this.id });
  }

  // -- to the kernel --------------------------------------------------------------------------------

  async #join(): Promise<void> {
    const reference = String(this.model.get("_channel") ?? "").replace("IPY_MODEL_", "");
    let channel: ChannelModel;
    try {
      channel = (await this.model.widget_manager.get_model(reference)) as ChannelModel;
    } catch {
      this.lived(false);
      return;
    }
    if (this.#closed) return;
    this.#hub = Hub.of(channel);
    this.#hub.listeners.add(this);
    if (this.#hub.welcome) {
      this.selected(this.#hub.values ?? BLANK, new Set(KEYS));
      this.greeted(this.#hub.welcome);
    } else this.#greet();
  }

  /** Ask for the greeting, one panel for all of a page, until it comes: the message may be lost on its way. */
  #greet(): void {
    const hub = this.#hub;
    if (!hub || hub.welcome || this.#closed) return;
    if (Date.now() - hub.asked >= GREETING_MS) {
      hub.asked = Date.now();
      this.#post({ type: "hello", client: this.id });
    }
    this.#greeting = setTimeout(() => this.#greet(), GREETING_MS);
  }

  /** Tell the kernel of the selection, and again until it has confirmed it. */
  #select(patience = RETELL_MS): void {
    const hub = this.#hub;
    if (!hub || Object.keys(hub.untold).length === 0) return;
    this.#post({ type: "select", client: this.id, values: hub.untold });
    if (this.#retelling !== null) clearTimeout(this.#retelling);
    if (this.#closed || !hub.alive) return;
    this.#retelling = setTimeout(() => {
      hub.overdue = Object.keys(hub.untold).length > 0;
      this.#select(Math.min(LONGEST_RETELL_MS, 2 * patience));
    }, patience);
  }

  /** Keep the model's own traits equal to the selection, whoever changes them (Python, or a jslink). */
  #mirror(key: keyof Values): void {
    const changed = () => {
      const value = this.model.get(key);
      if (value === undefined || canonical(value) === canonical(this.values[key])) return;
      // After a lost connection the host puts the kernel's state in place, which has not heard of a wish.
      if (this.#hub?.behind(key, value)) this.model.set(key, this.values[key]);
      else this.select({ [key]: value });
    };
    this.model.on(`change:${key}`, changed);
    this.#mirrors.push(() => this.model.off(`change:${key}`, changed));
  }

  #flush(): void {
    if (this.#wishes.size === 0) return;
    this.#tell.flush();
    for (const [topic, { seq, params }] of this.#wishes) {
      this.#post({ type: "request", client: this.id, topic, seq, params });
    }
    this.#wishes.clear();
    // A second small message carries the acknowledgement that the server's socket would wait 40 ms for.
    this.#post({ type: "nudge" });
  }

  /** Why nothing can be told to the kernel; what needs none goes on all the same. */
  #gone(): Failure | null {
    return this.#lost || this.#hub?.alive === false ? GONE : null;
  }

  /** Hand the host what is for the kernel; returns why it couldn't. */
  #tried(hand: () => void): Failure | null {
    if (this.#gone()) return GONE;
    try {
      hand();
      return null;
    } catch (error) {
      console.warn("[xai_widgets] the kernel can't be reached:", error);
      this.lived(false);
      return GONE;
    }
  }

  #post(message: ToKernel): void {
    const matters = !this.#closed || message.type === "cancel" || message.type === "select";
    if (matters) this.#tried(() => this.model.send(message));
  }
}
