/** A range with a number beside it: both native, both live, linear or logarithmic. */

import { h, uid } from "./element";
import { type Control, type FieldText, field } from "./field";
import { decimals } from "./number";

export interface SliderOptions extends FieldText {
  low: number;
  high: number;
  value: number;
  step?: number | null | undefined;
  log?: boolean;
  integer?: boolean;
  unit?: string | undefined;
  onInput(value: number): void;
}

const TICKS = 1000;

export function slider(options: SliderOptions): Control<number> {
  const { low, high, unit } = options;
  const log = !!options.log && low > 0;
  // 0: no grid, three significant digits instead.
  const grid = options.integer ? Math.max(1, options.step ?? 1) : log ? 0 : (options.step ?? 0);
  const step = grid || (high - low) / 100;
  const snap = (value: number) => tidy(Math.min(high, Math.max(low, value)), grid, low);
  const toTick = (value: number) =>
    log
      ? (TICKS * Math.log(value / low)) / Math.log(high / low)
      : (TICKS * (value - low)) / (high - low || 1);
  const toValue = (tick: number) =>
    log ? low * (high / low) ** (tick / TICKS) : low + ((high - low) * tick) / TICKS;

  const range = h("input", { type: "range", class: "xw-range", min: 0, max: TICKS, step: "any" });
  const number = h("input", {
    type: "number",
    class: "xw-number-box",
    id: uid("number"),
    min: low,
    max: high,
    step: grid || "any",
    "aria-label": `${options.label}, as a number`,
  });
  let current = Number.NaN;

  const show = (value: number, typed = false) => {
    current = value;
    range.value = String(toTick(value));
    range.style.setProperty("--fill", `${(toTick(value) / TICKS) * 100}%`);
    range.setAttribute("aria-valuetext", `${value}${unit ? ` ${unit}` : ""}`);
    if (!typed) number.value = String(value);
    number.style.setProperty("--digits", String(Math.max(2, String(value).length)));
  };
  const change = (value: number, typed = false) => {
    const next = snap(value);
    if (next === current) return typed ? undefined : show(next);
    show(next, typed);
    options.onInput(next);
  };
  range.addEventListener("input", () => change(toValue(Number(range.value))));
  range.addEventListener("keydown", (event) => {
    const next = byKey(event, current, { low, high, step, log });
    if (next === null) return;
    event.preventDefault();
    event.stopPropagation();
    change(next);
  });
  number.addEventListener("input", () => {
    const value = number.valueAsNumber;
    if (Number.isFinite(value) && value >= low && value <= high) change(value, true);
  });
  number.addEventListener("change", () => {
    if (Number.isFinite(number.valueAsNumber)) change(number.valueAsNumber);
    number.value = String(current);
  });
  show(snap(options.value));
  const aside = h(
    "span",
    { class: "xw-figure" },
    number,
    unit ? h("span", { class: "xw-unit" }, unit) : null,
  );
  return {
    element: field(options, range, aside),
    get: () => current,
    set: (value) => {
      if (Number.isFinite(value) && snap(value) !== current) show(snap(value));
    },
  };
}

interface Scale {
  low: number;
  high: number;
  step: number;
  log: boolean;
}

/** Arrows and +/- move a step (a tenth of the value on a log scale), pages ten, Home and End to the ends. */
export function byKey(event: KeyboardEvent, value: number, scale: Scale): number | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const direction = STEPS[event.key];
  if (event.key === "Home") return scale.low;
  if (event.key === "End") return scale.high;
  if (direction === undefined) return null;
  const size =
    Math.abs(direction) * (event.shiftKey && Math.abs(direction) === 1 && event.key !== "+" ? 10 : 1);
  if (!scale.log) return value + Math.sign(direction) * size * scale.step;
  const moved = value * 1.1 ** (Math.sign(direction) * Math.min(size, 7));
  // Near the low end a tenth of an integer is less than one: move at least a step.
  const least = Number.isInteger(scale.step) ? scale.step : 0;
  return Math.abs(moved - value) < least ? value + Math.sign(direction) * least : moved;
}

const STEPS: Record<string, number> = {
  ArrowRight: 1,
  ArrowUp: 1,
  "+": 1,
  "=": 1,
  ArrowLeft: -1,
  ArrowDown: -1,
  "-": -1,
  PageUp: 10,
  PageDown: -10,
};

/** Onto the grid of steps, without the digits that binary fractions leave behind. */
function tidy(value: number, grid: number, low: number): number {
  if (grid === 0) return Number(value.toPrecision(3));
  const steps = Math.round((value - low) / grid);
  return Number((low + steps * grid).toFixed(Math.max(decimals(grid), decimals(low))));
}
