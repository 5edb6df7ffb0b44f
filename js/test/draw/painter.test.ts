import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Painter } from "../../src/draw/painter";
import { room, setStage, settle } from "../widgets/stage";

type Callback = (entries: { isIntersecting: boolean }[]) => void;
const watchers: Record<"size" | "sight", Callback | null> = { size: null, sight: null };
const stub = (kind: keyof typeof watchers) =>
  class {
    constructor(fn: Callback) {
      watchers[kind] = fn;
    }
    observe(): void {}
    disconnect(): void {
      watchers[kind] = null;
    }
  };

describe("the painter", () => {
  const paint = vi.fn();
  let painter: Painter;
  beforeEach(() => {
    setStage();
    paint.mockReset();
    vi.stubGlobal("ResizeObserver", stub("size"));
    vi.stubGlobal("IntersectionObserver", stub("sight"));
    painter = new Painter(document.createElement("div"), paint);
  });
  afterEach(() => {
    painter.dispose();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("paints once a frame, however often it is asked", async () => {
    for (let i = 0; i < 200; i++) painter.invalidate();
    expect(paint).not.toHaveBeenCalled();
    await settle(1);
    expect(paint).toHaveBeenCalledTimes(1);
    await settle();
    expect(paint).toHaveBeenCalledTimes(1);
  });

  it("costs nothing out of sight and catches up when seen", async () => {
    watchers.sight!([{ isIntersecting: false }]);
    for (let i = 0; i < 5; i++) {
      painter.invalidate();
      await settle();
    }
    expect(painter.visible).toBe(false);
    expect(paint).not.toHaveBeenCalled();
    watchers.sight!([{ isIntersecting: true }]);
    await settle();
    expect(paint).toHaveBeenCalledTimes(1);
  });

  it("waits for room when made in a cell of no size", async () => {
    room.width = 0;
    painter.invalidate();
    await settle();
    expect(paint).not.toHaveBeenCalled();
    room.width = 300;
    watchers.size!([]);
    await settle();
    expect(paint).toHaveBeenCalledTimes(1);
  });

  it("follows the host from light to dark", async () => {
    document.body.setAttribute("data-jp-theme-light", "false");
    await settle();
    expect(paint).toHaveBeenCalledTimes(1);
    document.body.removeAttribute("data-jp-theme-light");
  });

  it("paints at once what is due, and nothing after its end", async () => {
    painter.invalidate();
    painter.flush();
    expect(paint).toHaveBeenCalledTimes(1);
    painter.flush();
    expect(paint).toHaveBeenCalledTimes(1);
    painter.invalidate();
    painter.dispose();
    await settle();
    expect(paint).toHaveBeenCalledTimes(1);
    expect(watchers).toEqual({ size: null, sight: null });
  });
});
