/**
 * Everything that can be explained beside one class, with the boxes on the pictures. A module of its own, which
 * AttributionView loads from a trait: anywidget keeps a bundle in the state of its model, and the two together
 * would be too large for one.
 */

import { Aim } from "./attribution/aim";
import { BoxLayer } from "./attribution/box";
import { boxOf, drawn, kindOf, type Surroundings } from "./attribution/kinds";
import { type Box, meantBy, type Target } from "./attribution/target";

/** The fields, and what lies on each of the two pictures. */
export interface Aims {
  readonly fields: readonly HTMLElement[];
  readonly layers: readonly [HTMLElement, HTMLElement];
  show(known: Surroundings): void;
}

export function aims(tell: (target: Target) => void): Aims {
  let target: Target = null;
  const aim = new Aim(tell);
  const boxes = [0, 1].map(() => new BoxLayer((box) => tell({ ...(target as object), box })));
  return {
    fields: aim.elements,
    layers: [boxes[0]!.element, boxes[1]!.element],
    show(known) {
      const { welcome, values, top } = known;
      const found = kindOf(values.target, welcome) === "detection";
      target = values.target ?? (found && top[0] ? meantBy(top[0]) : null);
      const others = found ? top.map(({ box }) => box).filter((box): box is Box => !!box) : [];
      for (const layer of boxes) layer.show(boxOf(target), drawn(target), others);
      aim.show(known);
    },
  };
}
