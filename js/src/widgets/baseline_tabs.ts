/**
 * The tabs of BaselineLab that show many maps. A module of its own, which the lab loads from a trait: anywidget
 * keeps a bundle in the state of its model, and the two together would be too large for one.
 */

import { AblationTab } from "./baselines/ablation_tab";
import { CompareTab } from "./baselines/compare_tab";
import type { Actions, Tab, TabName } from "./baselines/known";
import { ReferencesTab } from "./baselines/references_tab";

export type Tabs = Record<Exclude<TabName, "path">, Tab>;

export function tabs(actions: Actions): Tabs {
  return {
    compare: new CompareTab(actions),
    references: new ReferencesTab(actions),
    ablation: new AblationTab(actions),
  };
}
