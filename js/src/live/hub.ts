/**
 * What all panels of a session share within one page: the selection, the greeting and the frames.
 *
 * Each panel is a bundle of its own, so a module cannot hold this. It hangs on the session's data
 * channel, the one object that every panel reaches through the widget manager.
 */

import { FrameCache } from "./cache";
import type { Frame } from "./codec";
import { decodeFrame } from "./codec";
import type { FromKernel, Values, Welcome } from "./messages";
import { canonical, isFromKernel } from "./messages";
import { tell } from "./tell";

export interface ChannelModel {
  /** Whether there is a kernel behind it, where the host says so. */
  comm_live?: boolean;
  on(event: string, fn: (...args: never[]) => void): void;
  off(event: string, fn: (...args: never[]) => void): void;
}

/** What the hub tells a client. */
export interface Listener {
  readonly id: string;
  greeted(welcome: Welcome): void;
  selected(values: Values, changed: Set<keyof Values>): void;
  arrived(message: FromKernel, frame: Frame | null): void;
  reset(): void;
  /** The kernel is gone, or there again. */
  lived(alive: boolean): void;
  /** Say whether somebody sees the panel in this page. */
  rolled(): void;
  readonly shown: boolean;
}

const KEY = Symbol.for("xai_widgets.hub");

export class Hub {
  readonly cache = new FrameCache();
  readonly listeners = new Set<Listener>();
  welcome: Welcome | null = null;
  values: Values | null = null;
  asked = 0;
  /** What a person wished and the kernel has not confirmed: the message may be lost. */
  untold: Partial<Values> = {};
  /** Whether a confirmation is overdue. */
  overdue = false;
  #before: Partial<Values> = {};

  static of(channel: ChannelModel): Hub {
    const holder = channel as ChannelModel & { [KEY]?: Hub };
    holder[KEY] ??= new Hub(channel);
    return holder[KEY];
  }

  private constructor(private readonly channel: ChannelModel) {
    channel.on("msg:custom", (content: unknown, buffers: unknown) => {
      this.receive(content, Array.isArray(buffers) ? buffers : []);
    });
    channel.on("comm_live_update", () => this.each((listener) => listener.lived(this.alive)));
  }

  get alive(): boolean {
    return this.channel.comm_live !== false;
  }

  /** The last view in the page may be gone: nobody looks at the frames then, and they are sent again. */
  left(): void {
    if (![...this.listeners].some(({ shown }) => shown)) this.cache.clear();
  }

  receive(content: unknown, buffers: readonly (DataView | ArrayBuffer)[]): void {
    if (!isFromKernel(content)) return;
    if (content.type === "welcome") this.greet(content);
    else if (content.type === "state") this.restate(content);
    else if (content.type === "reset") this.reset();
    else if (content.type === "roll") this.each((listener) => listener.rolled());
    else this.spread(content, buffers);
  }

  private spread(content: FromKernel, buffers: readonly (DataView | ArrayBuffer)[]): void {
    let frame: Frame | null = null;
    if (content.type === "frame") {
      try {
        frame = decodeFrame(content, buffers);
      } catch (error) {
        console.warn("[xai_widgets] a frame could not be read:", error);
        return;
      }
      this.cache.put(frame);
    }
    this.each((listener) => listener.arrived(content, frame));
  }

  select(values: Partial<Values>): boolean {
    if (this.values === null) return false;
    const changed = new Set<keyof Values>();
    for (const key of Object.keys(values) as (keyof Values)[]) {
      if (values[key] !== undefined && canonical(values[key]) !== canonical(this.values[key]))
        changed.add(key);
    }
    if (changed.size === 0) return false;
    const all = { ...this.values, ...values };
    this.values = all;
    this.each((listener) => listener.selected(all, changed));
    return true;
  }

  /** What a person wishes: the selection of the page at once, and to be told to the kernel. */
  wish(values: Partial<Values>): boolean {
    const before = this.values;
    if (!this.select(values)) return false;
    const fresh = Object.keys(values).filter((key) => !(key in this.untold)) as (keyof Values)[];
    for (const key of fresh) Object.assign(this.#before, { [key]: before?.[key] });
    this.untold = { ...this.untold, ...values };
    return true;
  }

  /** Whether a value is what the kernel knows, as long as it has not heard of a person's wish. */
  behind(key: keyof Values, value: unknown): boolean {
    return this.overdue && key in this.untold && canonical(value) === canonical(this.#before[key]);
  }

  private confirm(heard: Partial<Values>): void {
    const open = Object.entries(this.untold) as [keyof Values, unknown][];
    const left = open.filter(([key, value]) => canonical(value) !== canonical(heard[key]));
    this.untold = Object.fromEntries(left);
    if (left.length === 0) this.overdue = false;
  }

  private greet(welcome: Welcome): void {
    const first = this.values === null;
    const values = this.values ?? welcome.selection;
    this.values = values;
    this.welcome = welcome;
    const all = new Set(Object.keys(values) as (keyof Values)[]);
    this.each((listener) => {
      if (first) listener.selected(values, all);
      listener.greeted(welcome);
    });
    this.select(welcome.selection);
  }

  private each(fn: (listener: Listener) => void): void {
    tell([...this.listeners].map((listener) => () => fn(listener)));
  }

  private reset(): void {
    this.cache.clear();
    this.each((listener) => listener.reset());
  }

  private restate(state: Extract<FromKernel, { type: "state" }>): void {
    const ours = [...this.listeners].some((listener) => listener.id === state.origin);
    if (state.images && this.welcome) {
      const welcome = { ...this.welcome, images: state.images };
      this.welcome = welcome;
      this.each((listener) => listener.greeted(welcome));
    }
    // Our own wishes come back after we have moved on: following them would make a slider jump.
    if (ours) this.confirm(state.heard ?? {});
    // Nor what was said before the kernel heard of a wish that is on its way: the wish comes last there, too.
    else
      this.select(Object.fromEntries(Object.entries(state.values).filter(([key]) => !(key in this.untold))));
  }
}
