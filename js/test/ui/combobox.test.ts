import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Combobox, combobox } from "../../src/ui/combobox";

const all = Array.from({ length: 1000 }, (_, i) => ({
  key: String(i),
  label: `class ${i}`,
  detail: String(i),
}));
all[7] = { key: "7", label: "<img src=x onerror=alert(1)> cat", detail: "7" };
const first = [
  { key: "predicted", label: "Predicted: class 3", detail: "61.0 %" },
  { key: "3", label: "class 3", detail: "61.0 %" },
];

describe("combobox", () => {
  const onPick = vi.fn();
  let box: Combobox;
  let input: HTMLInputElement;
  const list = () => box.element.querySelector<HTMLElement>("[role=listbox]")!;
  const rows = () => [...list().querySelectorAll<HTMLElement>("[role=option]")];
  const active = () =>
    list().querySelector<HTMLElement>("[data-active]")?.querySelector(".xw-list-name")?.textContent;
  const press = (key: string) => {
    const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    input.dispatchEvent(event);
    return event;
  };
  const type = (text: string) => {
    input.value = text;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };

  beforeEach(() => {
    onPick.mockReset();
    box = combobox({ label: "Target", onPick });
    box.choices(all, first);
    box.set("predicted");
    document.body.append(box.element);
    input = box.element.querySelector("input")!;
  });
  afterEach(() => box.element.remove());

  it("rests on the chosen one's name", () => {
    expect(input.value).toBe("Predicted: class 3");
    expect(input.getAttribute("aria-expanded")).toBe("false");
  });

  it("opens on what stands first, without doubling it below, and draws a screenful only", () => {
    input.click();
    expect(rows()[0]!.textContent).toContain("Predicted: class 3");
    expect(rows().filter((row) => row.querySelector(".xw-list-name")!.textContent === "class 3").length).toBe(
      1,
    );
    expect(rows().length).toBeLessThan(130);
    expect(active()).toBe("Predicted: class 3");
    expect(input.getAttribute("aria-expanded")).toBe("true");
  });

  it("finds while one types, and Enter picks the active one", () => {
    type("class 99");
    // Eleven that begin so, and 199, 299, … that have both words.
    expect(rows().length).toBe(19);
    expect(active()).toBe("class 99");
    press("ArrowDown");
    expect(active()).toBe("class 990");
    expect(input.getAttribute("aria-activedescendant")).toBe(rows()[1]!.id);
    press("Enter");
    expect(onPick).toHaveBeenCalledExactlyOnceWith("990");
    expect(input.value).toBe("class 990");
    expect(rows().length).toBe(0);
  });

  it("reaches by keys what is not drawn yet", () => {
    input.click();
    for (let i = 0; i < 40; i++) press("PageDown");
    expect(rows().length).toBeGreaterThan(300);
    press("Enter");
    expect(onPick).toHaveBeenCalledOnce();
  });

  it("goes back on Escape, which means nothing else then", () => {
    const outer = vi.fn();
    document.body.addEventListener("keydown", outer);
    type("zebra");
    expect(list().textContent).toContain("Nothing of that name.");
    press("Escape");
    expect(outer).not.toHaveBeenCalled();
    expect(input.value).toBe("Predicted: class 3");
    press("Escape");
    expect(outer).toHaveBeenCalledOnce();
    document.body.removeEventListener("keydown", outer);
    expect(onPick).not.toHaveBeenCalled();
  });

  it("goes back when the focus leaves", () => {
    type("class 5");
    input.dispatchEvent(new Event("blur"));
    expect(input.value).toBe("Predicted: class 3");
  });

  it("picks by a click, and a second pick of the same tells nothing", () => {
    type("class 12");
    rows()[0]!.click();
    type("class 12");
    rows()[0]!.click();
    expect(onPick).toHaveBeenCalledExactlyOnceWith("12");
  });

  it("shows markup in names as text, highlight included", () => {
    type("img");
    expect(rows()[0]!.textContent).toContain("<img src=x onerror=alert(1)> cat");
    expect(rows()[0]!.querySelector("img")).toBeNull();
    expect(rows()[0]!.querySelector("mark")!.textContent).toBe("img");
  });

  it("says a caption for a key that is no choice", () => {
    box.set("other");
    box.caption("Neuron conv1 · 5");
    expect(input.value).toBe("Neuron conv1 · 5");
  });
});
