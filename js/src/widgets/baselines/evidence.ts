/** What speaks for several maps at once, as one line with a check a map. */

import type { Check, Evidence, Verdict } from "../../ui/evidence";
import type { Curved } from "./ablation_tab";
import type { Entry } from "./compare_tab";

const ORDER: readonly Verdict[] = ["not applicable", "holds", "doubtful", "fails"];

type Judged<T> = { entries: (T & { label: string })[] };

export function ofComparison(meta: Judged<Entry> & { agreement: number | null }): Evidence | null {
  const { entries, agreement } = meta;
  const judged = entries.filter(({ evidence, error }) => evidence ?? error);
  if (judged.length === 0) return null;
  const checks = judged.map(({ label, evidence, error }): Check => {
    const sentence = error ? `${error.message} ${error.hint}` : (evidence?.line ?? "");
    return { name: label, verdict: error ? "fails" : evidence!.worst, figure: null, sentence };
  });
  const ready = entries.filter(({ final }) => final).length;
  const parts = [
    `${ready} of ${entries.length} maps are final`,
    typeof agreement === "number" ? `mean rank correlation ${agreement.toFixed(2).replace("-", "−")}` : "",
  ];
  return { line: parts.filter(Boolean).join(" · "), worst: worst(checks), checks };
}

export function ofAblation(meta: Judged<Curved> & { random_area: number }): Evidence | null {
  const { entries, random_area } = meta;
  const known = entries.filter(({ area }) => typeof area === "number");
  if (known.length === 0) return null;
  const checks = known.map(({ label, area }): Check => {
    const holds = area! < random_area;
    const sentence = holds
      ? "its first pixels matter more to the network than random ones"
      : "taking its first pixels away changes no more than taking random ones";
    return { name: label, verdict: holds ? "holds" : "doubtful", figure: area!, sentence };
  });
  const held = checks.filter(({ verdict }) => verdict === "holds").length;
  return { line: `${held} of ${known.length} lie below the random order`, worst: worst(checks), checks };
}

function worst(checks: readonly Check[]): Verdict {
  return ORDER[Math.max(...checks.map(({ verdict }) => ORDER.indexOf(verdict)))] ?? "not applicable";
}
