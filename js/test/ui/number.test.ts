import { describe, expect, it } from "vitest";
import { decimals, duration, percent, readable, signed } from "../../src/ui/number";

describe("numbers as people read them", () => {
  it("keeps three digits and drops idle zeros", () => {
    expect([0, 1, 0.5, 0.0312345, 12.34, 1234.5, -0.25].map(readable)).toEqual([
      "0",
      "1",
      "0.5",
      "0.0312",
      "12.3",
      "1235",
      "−0.25",
    ]);
  });

  it("turns to powers of ten only where digits would run long", () => {
    expect([0.00001, 123456, -2.5e-9].map(readable)).toEqual(["1e−5", "1.2e5", "−2.5e−9"]);
  });

  it("names what is no number", () => {
    expect([Number.NaN, Infinity, -Infinity].map(readable)).toEqual(["not a number", "∞", "−∞"]);
  });

  it("never rounds a share to a certainty that it is not", () => {
    expect(percent(0.613)).toBe("61.3 %");
    expect(percent(0.99999)).toBe("> 99.9 %");
    expect(percent(0.00001)).toBe("< 0.1 %");
    expect(percent(1)).toBe("100.0 %");
    expect(percent(0)).toBe("0.0 %");
  });

  it("shows signs, times and the decimals of a step", () => {
    expect([signed(0.5), signed(-0.5), signed(0)]).toEqual(["+0.5", "−0.5", "0"]);
    expect([duration(12.4), duration(1500), duration(42_000)]).toEqual(["12 ms", "1.5 s", "42 s"]);
    expect([1, 0.5, 0.01, 1e-7].map(decimals)).toEqual([0, 1, 2, 7]);
  });
});
