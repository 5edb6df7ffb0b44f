import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Evidence, EvidenceLine } from "../../src/ui/evidence";
import { type Doing, phrase, StatusLine } from "../../src/ui/status";
import { swatches } from "../../src/ui/swatches";
import { checkbox, pressed, segments } from "../../src/ui/toolbar";

const doing = (more: Partial<Doing>): Doing => ({
  phase: "idle",
  done: 0,
  error: null,
  ms: null,
  note: null,
  ...more,
});

describe("status", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("has words for every state", () => {
    expect(phrase(doing({ phase: "waiting" }))).toBe("First picture …");
    expect(phrase(doing({ phase: "refining", done: 0.43, error: 0.031 }))).toBe("Refining · 43 % · ±3.1 %");
    expect(phrase(doing({ phase: "refining", done: 0.1, error: 0.4 }))).toBe("Refining · 10 % · ±40 %");
    expect(phrase(doing({ phase: "refining", done: 0.1, error: 15 }))).toBe("Refining · 10 % · ±> 100 %");
    expect(phrase(doing({ phase: "done", error: 0.003, ms: 812 }))).toBe("Done · ±0.3 % · 812 ms");
    expect(phrase(doing({ phase: "cancelled", done: 0.5 }))).toBe("Stopped · at 50 %");
    expect(phrase(doing({ phase: "stale" }))).toContain("last result");
    expect(phrase(doing({ phase: "stale", bare: true }))).not.toContain("last result");
    expect(phrase(doing({ phase: "error" }))).toBe("Failed");
    expect(phrase(doing({}))).toBe("");
  });

  it("keeps the place of the stop button, so that nothing moves", () => {
    const cancel = vi.fn();
    const line = new StatusLine(cancel);
    const stop = line.words.querySelector("button")!;
    line.show(doing({ phase: "refining", done: 0.5 }));
    expect(stop.style.visibility).toBe("visible");
    expect(line.line.style.getPropertyValue("--done")).toBe("0.5");
    stop.click();
    expect(cancel).toHaveBeenCalledOnce();
    line.show(doing({ phase: "done" }));
    expect(stop.style.visibility).toBe("hidden");
    expect(stop.hidden).toBe(false);
  });

  it("gives the focus of a stop button that goes to the panel", () => {
    const line = new StatusLine(() => {});
    const panel = document.createElement("div");
    panel.className = "xw-root";
    panel.tabIndex = -1;
    panel.append(line.words);
    document.body.append(panel);
    line.show(doing({ phase: "refining", done: 0.5 }));
    line.words.querySelector("button")!.focus();
    line.show(doing({ phase: "done" }));
    expect(document.activeElement).toBe(panel);
    panel.remove();
  });

  it("is read aloud at most every other second, and at the end at once", () => {
    const line = new StatusLine(() => {});
    const aloud = line.words.querySelector("[aria-live]")!;
    vi.setSystemTime(10_000);
    line.show(doing({ phase: "refining", done: 0.1 }));
    const spoken = aloud.textContent;
    for (const done of [0.2, 0.3, 0.4]) line.show(doing({ phase: "refining", done }));
    expect(aloud.textContent).toBe(spoken);
    vi.advanceTimersByTime(2100);
    expect(aloud.textContent).toContain("40 %");
    line.show(doing({ phase: "done" }));
    expect(aloud.textContent).toBe("Done");
    line.dispose();
  });
});

describe("evidence", () => {
  const evidence: Evidence = {
    line: "completeness gap <b>12 %</b>",
    worst: "doubtful",
    checks: [
      {
        name: "completeness",
        verdict: "doubtful",
        figure: 0.12,
        sentence: "Twelve percent <script>are</script> missing.",
      },
      { name: "architecture", verdict: "not applicable", figure: null, sentence: "No assumption." },
    ],
  };

  it("shows the verdict by a sign and a word, and every check on demand", () => {
    const line = new EvidenceLine();
    expect(line.element.hasAttribute("data-empty")).toBe(true);
    line.show(evidence);
    const badge = line.element.querySelector("summary .xw-verdict")!;
    expect(badge.querySelector("svg")).not.toBeNull();
    expect(badge.textContent).toBe("Doubtful");
    const checks = [...line.element.querySelectorAll("li")];
    expect(checks.map((check) => check.querySelector(".xw-check-figure")!.textContent)).toEqual(["0.12", ""]);
    expect(checks[1]!.textContent).toContain("Not applicable");
    expect(line.element.querySelector("b, script")).toBeNull();
    expect(line.element.textContent).toContain("<b>12 %</b>");
  });

  it("stays as it is while the same evidence comes again", () => {
    const line = new EvidenceLine();
    line.show(evidence);
    line.element.open = true;
    const item = line.element.querySelector("li");
    line.show(structuredClone(evidence));
    expect(line.element.querySelector("li")).toBe(item);
    expect(line.element.open).toBe(true);
    line.show(null);
    expect(line.element.open).toBe(false);
  });
});

describe("small choices", () => {
  it("are native: radios, a pressed button, a checkbox", () => {
    const told = vi.fn();
    const row = segments({
      label: "Sign",
      value: "a",
      segments: [
        { value: "a", label: "A" },
        { value: "b", label: "B" },
      ],
      onChange: told,
    });
    document.body.append(row.element);
    const radios = row.element.querySelectorAll<HTMLInputElement>("input[type=radio]");
    radios[1]!.click();
    expect(told).toHaveBeenLastCalledWith("b");
    row.set("a");
    expect(row.get()).toBe("a");

    const button = pressed({ label: "Layers", value: true, onChange: told });
    (button.element as HTMLButtonElement).click();
    expect(button.element.getAttribute("aria-pressed")).toBe("false");
    expect(told).toHaveBeenLastCalledWith(false);

    const box = checkbox({ label: "Relu", value: false, onChange: told });
    document.body.append(box.element);
    box.element.querySelector("input")!.click();
    expect(told).toHaveBeenLastCalledWith(true);
  });

  it("show each colour map as its gradient, and keep the choice when others are offered", () => {
    const told = vi.fn();
    const row = swatches({ label: "Colours", value: "b", onChange: told });
    row.options([
      { value: "a", label: "A", colors: ["rgb(0 0 0)", "rgb(255 0 0)"] },
      { value: "b", label: "B", colors: ["rgb(0 0 0)", "rgb(0 0 255)"] },
    ]);
    document.body.append(row.element);
    const radios = row.element.querySelectorAll<HTMLInputElement>("input");
    expect(radios[1]!.checked).toBe(true);
    radios[0]!.click();
    expect(told).toHaveBeenCalledExactlyOnceWith("a");
    expect(row.element.querySelector<HTMLElement>(".xw-swatch-bar")!.style.backgroundImage).toContain(
      "linear-gradient",
    );
  });
});
