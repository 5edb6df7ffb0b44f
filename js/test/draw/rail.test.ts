import { describe, expect, it } from "vitest";
import { family } from "../../src/draw/families";
import {
  barPaths,
  blocksOf,
  buildRail,
  familiesOf,
  fitLabels,
  jump,
  placeStops,
  shortLabel,
  stopAt,
  stopOf,
} from "../../src/draw/rail";
import { densenet121, resnet18, vit } from "../fake";

const names = (network: { name: string }[]) => network.map((layer) => layer.name);
const resnet = names(resnet18());
const dense = names(densenet121());

describe("families", () => {
  it("are told from the names of classes", () => {
    const kinds = {
      conv: ["Conv2d", "ConvTranspose2d", "Conv2dNormActivation_".slice(0, 6)],
      norm: ["BatchNorm2d", "LayerNorm", "LayerNorm2d", "FrozenBatchNorm2d"],
      activation: ["ReLU", "GELU", "SiLU", "Hardswish", "Sigmoid"],
      pool: ["MaxPool2d", "AdaptiveAvgPool2d", "PatchMerging"],
      attention: ["MultiheadAttention", "ShiftedWindowAttention"],
      linear: ["Linear", "NonDynamicallyQuantizableLinear"],
      other: ["Dropout", "Identity"],
    };
    for (const [wanted, all] of Object.entries(kinds))
      for (const kind of all) expect(family(kind), kind).toBe(wanted);
  });
});

describe("blocks", () => {
  it("are what papers call blocks", () => {
    const blockOf = (all: string[], name: string) => blocksOf(all)[all.indexOf(name)];
    expect(blockOf(resnet, "layer1.0.conv1")).toBe("layer1.0");
    expect(blockOf(resnet, "layer2.0.downsample.0")).toBe("layer2.0");
    expect(blockOf(resnet, "conv1")).toBeNull();
    expect(blockOf(dense, "features.denseblock3.denselayer7.norm1")).toBe("features.denseblock3.denselayer7");
    expect(blockOf(dense, "features.conv0")).toBeNull();
    expect(blockOf(names(vit()), "encoder.layers.encoder_layer_4.mlp.0")).toBe(
      "encoder.layers.encoder_layer_4",
    );
    expect(blocksOf(["relu", "relu#2", "relu#3"])).toEqual([null, null, null]);
    expect(blocksOf([])).toEqual([]);
  });

  it("fold to one stop that stands for their last layer", () => {
    const blocks = blocksOf(resnet);
    const open = buildRail(resnet, blocks, new Set());
    expect(open.stops).toHaveLength(resnet.length);
    expect(open.blocks.map((block) => block.label)).toEqual(["0", "1", "0", "1", "0", "1", "0", "1"]);
    expect(open.stages.map((stage) => stage.label)).toEqual(["layer1", "layer2", "layer3", "layer4"]);
    const folded = buildRail(resnet, blocks, new Set(["layer1.0"]));
    expect(folded.stops).toHaveLength(resnet.length - 5);
    expect(resnet[folded.stops[4]!.layer]).toBe("layer1.0.relu#2");
    expect(stopOf(folded, resnet.indexOf("layer1.0.bn1"))).toBe(4);
    expect(folded.blocks[0]).toMatchObject({ path: "layer1.0", layers: 6, folded: true });
  });

  it("make hundreds of layers fit 700 pixels", () => {
    const blocks = blocksOf(dense);
    const rail = buildRail(dense, blocks, new Set(blocks.filter((block) => block !== null)));
    expect(dense.length).toBeGreaterThan(300);
    expect(rail.stops.length).toBeLessThan(75);
    const ends = placeStops(rail, 600);
    expect(ends.at(-1)).toBeLessThanOrEqual(600.001);
    const narrowest = Math.min(...rail.stops.map((_, i) => ends[2 * i + 1]! - ends[2 * i]!));
    expect(narrowest).toBeGreaterThan(4);
  });
});

describe("the rail", () => {
  const rail = buildRail(resnet, blocksOf(resnet), new Set());
  const ends = placeStops(rail, 560);

  it("finds the stop under the pointer, the nearest in a gap and beyond the ends", () => {
    rail.stops.forEach((_, i) => {
      expect(stopAt(ends, (ends[2 * i]! + ends[2 * i + 1]!) / 2)).toBe(i);
    });
    expect(stopAt(ends, -40)).toBe(0);
    expect(stopAt(ends, 9999)).toBe(rail.stops.length - 1);
    expect(stopAt(new Float64Array(0), 5)).toBe(-1);
  });

  it("jumps to the next block and back to the start of one", () => {
    const at = (name: string) => stopOf(rail, resnet.indexOf(name));
    expect(jump(rail, at("maxpool"), 1)).toBe(at("layer1.0.conv1"));
    expect(jump(rail, at("layer1.0.bn1"), 1)).toBe(at("layer1.1.conv1"));
    expect(jump(rail, at("layer1.0.bn1"), -1)).toBe(at("layer1.0.conv1"));
    expect(jump(rail, at("fc"), 1)).toBe(at("fc"));
    expect(jump(rail, 0, -1)).toBe(0);
  });

  it("narrows above the line and deepens below it", () => {
    const layers = resnet18();
    const bars = barPaths(layers, rail, ends, { up: 56, down: 26, gap: 1.5 }, (stop) => stop.first < 10);
    const heights = (d: string) => [...d.matchAll(/v([\d.]+)/g)].map((match) => Number(match[1]));
    const conv = bars.filter((bar) => bar.family === "conv");
    expect(conv.map((bar) => bar.dim)).toEqual([false, true]);
    const up = conv.flatMap((bar) => heights(bar.space));
    const down = conv.flatMap((bar) => heights(bar.channels));
    expect(up[0]).toBeGreaterThan(3 * up.at(-1)!);
    expect(down.at(-1)).toBeGreaterThan(2 * down[0]!);
    expect(familiesOf(layers)).toEqual(["conv", "norm", "activation", "pool", "linear"]);
  });

  it("draws a folded block in the colour of what it is about", () => {
    const layers = vit();
    const all = names(layers);
    const blocks = blocksOf(all);
    const folded = buildRail(all, blocks, new Set(blocks.filter((block) => block !== null)));
    const bars = barPaths(layers, folded, placeStops(folded, 600), { up: 56, down: 26, gap: 1.5 });
    expect(bars.map((bar) => bar.family)).toEqual(["conv", "attention", "linear"]);
  });

  it("labels say as much as there is room for", () => {
    expect(shortLabel("encoder_layer_11", 20)).toBe("encoder_layer_11");
    expect(shortLabel("encoder_layer_11", 3)).toBe("11");
    expect(shortLabel("encoder_layer_11", 1)).toBe("");
    expect(shortLabel("downsample", 3)).toBe("");
    expect(fitLabels(["a.layer1", "a.layer2"], [10, 10])).toEqual(["a.layer1", "a.layer2"]);
    expect(fitLabels(["a.layer1", "a.layer2"], [10, 7])).toEqual(["layer1", "layer2"]);
  });
});
