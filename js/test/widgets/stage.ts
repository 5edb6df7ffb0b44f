/** A page with room and a canvas that remembers, where the test's DOM has neither layout nor pixels. */

import { vi } from "vitest";
import type { FakeKernel, FakeModel } from "../fake";

export interface Drawn {
  name: string;
  args: unknown[];
}

export const drawn: Drawn[] = [];
export const room = { width: 700, height: 560 };

class Picture {
  readonly data: Uint8ClampedArray;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

/** Give every element the same room, and every canvas a context that writes down what is drawn. */
export function setStage(): void {
  vi.useFakeTimers();
  drawn.length = 0;
  Object.assign(room, { width: 700, height: 560 });
  const context = new Proxy({} as Record<string, unknown>, {
    get: (target, name) => {
      if (name in target) return target[String(name)];
      if (name === "measureText") return (text: string) => ({ width: text.length * 6 });
      return (...args: unknown[]) => void drawn.push({ name: String(name), args });
    },
    set: (target, name, value) => {
      target[String(name)] = value;
      return true;
    },
  });
  Object.defineProperty(HTMLElement.prototype, "clientWidth", { configurable: true, get: () => room.width });
  Object.defineProperty(HTMLElement.prototype, "clientHeight", {
    configurable: true,
    get: () => room.height,
  });
  Object.defineProperty(HTMLCanvasElement.prototype, "getContext", {
    configurable: true,
    value: () => context,
  });
  globalThis.ImageData ??= Picture as unknown as typeof ImageData;
  globalThis.requestAnimationFrame = ((fn: FrameRequestCallback) => setTimeout(() => fn(0), 0)) as never;
  globalThis.cancelAnimationFrame = clearTimeout as never;
}

/** Let messages, promises and frames of the next moments happen, on a clock that is ours. */
export async function settle(ms = 90): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

export function press(element: Element, key: string, more: KeyboardEventInit = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  element.dispatchEvent(event);
  return event;
}

export function pointer(element: Element, type: string, x: number, y = 0): void {
  element.dispatchEvent(
    new PointerEvent(type, { clientX: x, clientY: y, bubbles: true, button: 0, pointerId: 1 }),
  );
}

/** Put a panel's view on the page as anywidget does; returns its root, and what takes it away again. */
export async function mount(
  panel: typeof import("../../src/widgets/predictions").default,
  kernel: FakeKernel,
  model: FakeModel,
  selector: string,
): Promise<{ root: HTMLElement; close: () => void }> {
  const widget = panel();
  const end = widget.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const off = widget.render({ model, el });
  await Promise.resolve();
  kernel.welcome();
  await settle();
  const close = () => {
    for (const fn of [off, end, () => el.remove()]) fn();
  };
  return { root: el.querySelector<HTMLElement>(selector)!, close };
}
