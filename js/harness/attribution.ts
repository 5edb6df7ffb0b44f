/**
 * A page for looking at AttributionView and ImageStrip without a kernel.
 *
 * The address chooses what is seen: `?show=view|strip|explorer&state=done|waiting|refining|error|stale|…`.
 * A page may hand in real pixels as `window.xwSample` (see attribution.py); formulas stand in otherwise.
 */

import { Client } from "../src/live/client";
import { AttributionView } from "../src/widgets/attribution_view";
import { ImageStrip } from "../src/widgets/image_strip";
import { FakeKernel, picture } from "../test/fake";

interface Sample {
  side: number;
  names: string[];
  pictures: string[];
  map: string;
  classes: string[];
}

const sample = (globalThis as { xwSample?: Sample }).xwSample;
const asked = new URLSearchParams(location.search);
const state = asked.get("state") ?? "done";
const show = asked.get("show") ?? "view";

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

class SampleKernel extends FakeKernel {
  override answer(topic: string, params: any, done = 1): ReturnType<FakeKernel["answer"]> {
    const answer = super.answer(topic, params, done);
    if (!sample) return answer;
    const { side } = sample;
    if (topic === "input") {
      const data = params.image < sample.pictures.length ? bytes(sample.pictures[params.image]!) : picture(1, side, side);
      answer.arrays = { picture: { data, shape: [side, side, 3] } };
    } else if (topic === "thumbnails") {
      sample.pictures.forEach((one, i) => {
        answer.arrays[String(i)] = { data: bytes(one), shape: [side, side, 3] };
      });
    } else if (topic === "attribution") {
      const map = new Int16Array(bytes(sample.map).buffer);
      const grain = (1 - done) * 9000;
      const noisy = map.map((q, i) => q + Math.round(Math.sin(i * 12.9898) * grain));
      // In units of its own mean size, so that the fake's errors are the shares they look like.
      const scale = noisy.length / noisy.reduce((sum, q) => sum + Math.abs(q), 0);
      answer.arrays = { map: { data: noisy, shape: [side, side], scale, zero: 0 } };
    }
    if (topic === "attribution" && asked.get("verdict")) this.#judge(answer.meta.evidence, asked.get("verdict")!);
    return answer;
  }

  #judge(evidence: any, verdict: string): void {
    evidence.worst = verdict;
    evidence.line = "completeness gap 12 % of the difference · 64 gradient evaluations · seed 0";
    evidence.checks[0] = {
      name: "completeness",
      verdict,
      figure: 0.12,
      sentence: "The map sums to 8.14 where f(x) − f(x′) is 9.25: twelve percent are missing. More steps would help.",
    };
    evidence.checks.push({ name: "architecture", verdict: "not applicable", figure: null, sentence: "This method makes no assumption about the architecture." });
  }
}

const slow = state === "waiting" || state === "stale" || state === "empty";
const kernel = new SampleKernel({
  ...(sample ? { classes: sample.classes, images: sample.names.map((name) => ({ name, width: 640, height: 480 })) } : {}),
  selection: JSON.parse(asked.get("selection") ?? "{}"),
  latency: { attribution: state === "refining" || state === "cancelled" ? 2000 : 0, thumbnails: 0 },
  steps: 8,
});
if (slow && !asked.has("after")) kernel.latency = { attribution: 1e7 };
if (state === "empty") kernel.silent = true;

const page = document.querySelector("#page")!;
const traits = { method: "", params: {}, baseline: {}, ...JSON.parse(asked.get("traits") ?? "{}") };
const models = { view: kernel.panel(traits), strip: kernel.panel({ image: 0, panels: ["layers", "features", "attribution", "predictions"] }) };
Object.assign(globalThis, { kernel, models });

function mount(Panel: typeof AttributionView | typeof ImageStrip, model: ReturnType<FakeKernel["panel"]>, ...classes: string[]): HTMLElement {
  const el = document.createElement("div");
  const root = document.createElement("div");
  el.className = ["jupyter-widgets", ...classes].join(" ");
  el.append(root);
  new Panel(Client.connect(model), model, root);
  return el;
}

function box(...classes: string[]): HTMLElement {
  const element = document.createElement("div");
  element.className = ["jupyter-widgets", "widget-container", "widget-box", ...classes].join(" ");
  return element;
}

function placeholder(name: string, height: number): HTMLElement {
  const element = document.createElement("div");
  element.className = `jupyter-widgets xw-cell-${name}`;
  element.innerHTML = `<div class="xw-root" style="height:${height}px;padding:16px;color:var(--xw-muted)">${name}</div>`;
  return element;
}

if (show === "view") page.append(mount(AttributionView, models.view));
if (show === "strip") page.append(mount(ImageStrip, models.strip));
if (show === "explorer") {
  const root = box("xw-explorer", "widget-vbox");
  const grid = box("xw-grid");
  const rail = placeholder("rail", 120);
  rail.classList.add("xw-rail");
  grid.append(placeholder("features", 520), mount(AttributionView, models.view, "xw-cell-attribution"), placeholder("predictions", 260));
  root.append(mount(ImageStrip, models.strip, "xw-strip"), rail, grid);
  page.append(root);
}
