import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchVisible } from "../../src/ui/visibility";

type Entry = Record<string, unknown>;
const told: Record<string, (entries: Entry[]) => void> = {};
const stub = (name: string) =>
  class {
    constructor(fn: (entries: Entry[]) => void) {
      told[name] = fn;
    }
    observe() {}
    disconnect() {}
  };
const sight = (isIntersecting: boolean, width = 100, of = width) =>
  told.sight!([{ isIntersecting, intersectionRect: { width }, boundingClientRect: { width: of } }]);
const size = (width: number) => told.size!([{ contentRect: { width } }]);

describe("whether somebody sees an element", () => {
  const seen = vi.fn();
  beforeEach(() => {
    seen.mockReset();
    vi.stubGlobal("IntersectionObserver", stub("sight"));
    vi.stubGlobal("ResizeObserver", stub("size"));
    watchVisible(document.createElement("div"), seen);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("is told when it changes, and not again", () => {
    for (const near of [false, true, true, false]) sight(near);
    expect(seen.mock.calls).toEqual([[false], [true], [false]]);
  });

  it("is no where it has no width, and yes as soon as it has", () => {
    size(0);
    expect(seen).not.toHaveBeenCalled();
    sight(true);
    size(300);
    expect(seen.mock.calls).toEqual([[false], [true]]);
  });

  it("is no where a box without width cuts it off", () => {
    sight(true, 0, 300);
    sight(true, 300);
    expect(seen.mock.calls).toEqual([[false], [true]]);
  });

  it("is yes where nobody can tell", () => {
    vi.stubGlobal("IntersectionObserver", undefined);
    seen.mockReset();
    watchVisible(document.createElement("div"), seen);
    expect(seen.mock.calls).toEqual([[true]]);
  });
});
