/** Numbers as people read them. */

const MINUS = "−";

/** Three significant digits, a real minus sign, powers of ten only where plain digits would run long. */
export function readable(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(value);
  if (size === 0) return "0";
  const text = size >= 1e5 || size < 1e-4 ? power(size) : trim(size.toPrecision(size >= 1000 ? 4 : 3));
  return value < 0 ? MINUS + text : text;
}

/** The same with a plus sign on what is positive, for values of a signed map. */
export function signed(value: number): string {
  return value > 0 ? `+${readable(value)}` : readable(value);
}

/** A share of one: 0.613 is "61.3 %". */
export function percent(share: number, digits = 1): string {
  const value = share * 100;
  if (value > 0 && value < 0.1 ** digits / 2) return `< ${(0.1 ** digits).toFixed(digits)} %`;
  if (value < 100 && Number(value.toFixed(digits)) === 100)
    return `> ${(100 - 0.1 ** digits).toFixed(digits)} %`;
  return `${value.toFixed(digits)} %`;
}

/** Milliseconds, or seconds from one second on. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** Decimals that a slider of this step can set. */
export function decimals(step: number): number {
  const text = String(step);
  if (text.includes("e-")) return Math.min(12, Number(text.split("e-")[1]));
  return text.split(".")[1]?.length ?? 0;
}

function power(size: number): string {
  const [mantissa, exponent] = size.toExponential(1).split("e");
  return `${trim(mantissa!)}e${exponent!.replace("+", "").replace("-", MINUS)}`;
}

function trim(text: string): string {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}
