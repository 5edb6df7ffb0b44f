import { describe, expect, it, vi } from "vitest";
import { byKey, type SliderOptions, slider } from "../../src/ui/slider";

function make(options: Partial<SliderOptions> = {}) {
  const onInput = vi.fn();
  const control = slider({
    label: "Steps",
    low: 8,
    high: 1024,
    value: 128,
    log: true,
    integer: true,
    onInput,
    ...options,
  });
  const range = control.element.querySelector<HTMLInputElement>("input[type=range]")!;
  const number = control.element.querySelector<HTMLInputElement>("input[type=number]")!;
  const press = (key: string) =>
    range.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true, bubbles: true }));
  const drag = (tick: number) => {
    range.value = String(tick);
    range.dispatchEvent(new Event("input"));
  };
  const type = (text: string) => {
    number.value = text;
    number.dispatchEvent(new Event("input"));
  };
  return { control, range, number, onInput, press, drag, type };
}

describe("slider", () => {
  it("halves the log scale at the geometric middle", () => {
    const { drag, control, onInput } = make({ low: 1, high: 10_000 });
    drag(500);
    expect(control.get()).toBe(100);
    expect(onInput).toHaveBeenCalledExactlyOnceWith(100);
  });

  it("gives integers to integers and stays on its grid", () => {
    const whole = make();
    whole.drag(333);
    expect(Number.isInteger(whole.control.get())).toBe(true);
    const tenth = make({ low: 0, high: 1, step: 0.1, log: false, integer: false, value: 0 });
    tenth.drag(310);
    expect(tenth.control.get()).toBe(0.3);
  });

  it("tells nothing when nothing changed, and nothing when set from outside", () => {
    const { control, drag, onInput, range } = make();
    control.set(64);
    drag(Number(range.value));
    expect(onInput).not.toHaveBeenCalled();
    expect(control.get()).toBe(64);
  });

  it("moves by keys to another value every time, and to both ends", () => {
    const { press, control } = make({ low: 1, value: 1 });
    const seen = ["ArrowRight", "ArrowRight", "+"].map((key) => {
      press(key);
      return control.get();
    });
    expect(new Set(seen).size).toBe(3);
    press("End");
    expect(control.get()).toBe(1024);
    press("ArrowRight");
    expect(control.get()).toBe(1024);
    press("Home");
    expect(control.get()).toBe(1);
  });

  it("leaves other keys to others", () => {
    const event = (key: string, more = {}) => new KeyboardEvent("keydown", { key, ...more });
    const scale = { low: 0, high: 10, step: 1, log: false };
    expect(byKey(event("a"), 5, scale)).toBeNull();
    expect(byKey(event("ArrowUp", { ctrlKey: true }), 5, scale)).toBeNull();
    expect(byKey(event("PageDown"), 50, scale)).toBe(40);
  });

  it("takes typed numbers only within its limits, and says the last good one at the end", () => {
    const { type, number, control, onInput } = make();
    type("4000");
    expect(onInput).not.toHaveBeenCalled();
    type("200");
    expect(onInput).toHaveBeenLastCalledWith(200);
    number.value = "";
    number.dispatchEvent(new Event("change"));
    expect(number.value).toBe("200");
    expect(control.get()).toBe(200);
  });

  it("says value and unit to readers, and has a label", () => {
    const { range, control } = make({ unit: "px", help: "How many." });
    expect(range.getAttribute("aria-valuetext")).toBe("128 px");
    const label = control.element.querySelector("label")!;
    expect(label.htmlFor).toBe(range.id);
    const help = control.element.querySelector(`#${range.getAttribute("aria-describedby")}`);
    expect(help?.textContent).toBe("How many.");
  });
});
