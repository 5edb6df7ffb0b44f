/**
 * Mounts panels on a session without a kernel, to look at them.
 *
 *     ?panel=layer_scrubber,feature_maps&net=densenet121&theme=dark&layer=…&latency=300&traits={"sort":"mean"}
 *     &fail=maps  &silent=1  &images=0  &select={"channel":3}
 *
 * `window.kernel`, `window.models` and `window.panels` are there for a script to play with.
 */

import feature_maps from "../src/widgets/feature_maps";
import layer_scrubber from "../src/widgets/layer_scrubber";
import { densenet121, FakeKernel, type FakeModel, resnet18, vit } from "../test/fake";

const query = new URLSearchParams(location.search);
const dark = query.get("theme") === "dark";
document.body.dataset.jpThemeLight = String(!dark);
const networks = { resnet18, densenet121, vit };
const network = networks[(query.get("net") ?? "resnet18") as keyof typeof networks]();
const json = (name: string) => JSON.parse(query.get(name) ?? "{}");

const TRAITS = {
  layer_scrubber: { layer: null, query: "", playing: false },
  feature_maps: { layer: null, channel: null, sort: "index", scale: "map", colormap: "auto", tile: 72 },
};
const PANELS = { layer_scrubber, feature_maps };

const layer = query.get("layer");
const kernel = new FakeKernel({
  network,
  latency: Number(query.get("latency") ?? 0),
  selection: { ...(layer ? { layer } : {}), ...json("select") },
  ...(query.get("images") === "0" ? { images: [] } : {}),
});
kernel.silent = query.get("silent") === "1";
if (query.get("html")) network.forEach((l, i) => i === 2 && Object.assign(l, { name: "<img src=x onerror=alert(1)>" }));
for (const topic of query.get("fail")?.split(",") ?? []) {
  kernel.failures.set(topic, {
    type: "ModelError",
    message: `The network raised in ${topic}: expected 3 channels, got <b>1</b>.`,
    hint: "Give a preprocess that makes three channels of a grey picture.",
  });
}

const models: FakeModel[] = [];
const home = document.getElementById("panels")!;
for (const name of (query.get("panel") ?? "layer_scrubber,feature_maps").split(",") as (keyof typeof PANELS)[]) {
  const model = kernel.panel({ ...TRAITS[name], ...json("traits") });
  models.push(model);
  const panel = PANELS[name]();
  panel.initialize({ model });
  for (let view = 0; view < Number(query.get("views") ?? 1); view++) {
    const el = document.createElement("div");
    home.append(el);
    panel.render({ model, el });
  }
}
setTimeout(() => kernel.silent || kernel.welcome(), 0);
Object.assign(window, { kernel, models });
