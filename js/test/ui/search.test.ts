import { describe, expect, it } from "vitest";
import { fold, Search } from "../../src/ui/search";

const names = [
  "catamaran",
  "bobcat",
  "tabby, tabby cat",
  "oystercatcher",
  "tiger cat",
  "cat",
  "Épagneul",
  "tub, vat",
];
const found = (query: string) => new Search(names).find(query).map(({ index }) => names[index]);

describe("search", () => {
  it("ranks the name, a word, the start, the inside", () => {
    expect(found("cat")).toEqual([
      "cat",
      "tabby, tabby cat",
      "tiger cat",
      "catamaran",
      "bobcat",
      "oystercatcher",
    ]);
  });

  it("folds case and accents, and knows where the match stands", () => {
    const [first] = new Search(names).find("EPAG");
    expect(names[first!.index]!.slice(first!.start, first!.start + first!.length)).toBe("Épag");
    expect(fold("Ångström")).toBe("angstrom");
  });

  it("finds all words in any order, and an index", () => {
    expect(found("cat tab")).toEqual(["tabby, tabby cat"]);
    expect(found("4")).toEqual(["tiger cat"]);
    expect(found("zebra")).toEqual([]);
  });

  it("shows all for nothing, in order", () => {
    expect(found("  ")).toEqual(names);
  });

  it("marks the word that ranked it, not an earlier accident", () => {
    const [hit] = new Search(["concatenated cat"]).find("cat");
    expect(hit!.start).toBe(13);
  });

  it("answers on twenty thousand names within a keystroke", () => {
    const many = new Search(Array.from({ length: 20_000 }, (_, i) => `class number ${i}, something`));
    const start = performance.now();
    expect(many.find("number 19999").length).toBe(1);
    expect(performance.now() - start).toBeLessThan(250);
  });
});
