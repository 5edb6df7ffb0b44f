import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/live/client";
import panel, { ImageStrip } from "../../src/widgets/image_strip";
import { FakeKernel, type FakeModel, type FakeOptions } from "../fake";

let seen: ((visible: boolean) => void)[] = [];
class Watcher {
  constructor(private readonly fn: (entries: { isIntersecting: boolean }[]) => void) {}
  observe(): void {
    seen.push((visible) => this.fn([{ isIntersecting: visible }]));
  }
  disconnect(): void {}
}
class Pixels {
  readonly data: Uint8ClampedArray;
  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

interface Stage {
  kernel: FakeKernel;
  model: FakeModel;
  root: HTMLElement;
  strip: ImageStrip;
  client: Client;
}

const settle = () => vi.advanceTimersByTimeAsync(150);
const ALL = ["layers", "features", "attribution", "predictions"];
let stages: Stage[] = [];
let painted: HTMLCanvasElement[] = [];

async function stage(
  options: FakeOptions = {},
  traits: Record<string, unknown> = { panels: ALL },
): Promise<Stage> {
  const kernel = new FakeKernel(options);
  const model = kernel.panel({ image: 0, ...traits });
  const root = document.createElement("div");
  document.body.append(root);
  const client = Client.connect(model);
  const strip = new ImageStrip(client, model, root);
  const made = { kernel, model, root, strip, client };
  stages.push(made);
  for (const see of seen) see(true);
  await settle();
  return made;
}

const thumbs = ({ root }: Stage) => [...root.querySelectorAll<HTMLElement>("[role=radio]")];
const checked = (at: Stage) => thumbs(at).map((thumb) => thumb.getAttribute("aria-checked") === "true");
const message = ({ root }: Stage) => root.querySelector<HTMLElement>(".xw-strip-message")!;
const press = (at: Stage, key: string) =>
  thumbs(at)[0]!.parentElement!.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }),
  );
const give = async (at: Stage, type: string, files: File[]) => {
  const event = new Event(type, { bubbles: true, cancelable: true });
  Object.assign(
    event,
    type === "paste" ? { clipboardData: { files } } : { dataTransfer: { files, types: ["Files"] } },
  );
  at.root.dispatchEvent(event);
  await settle();
  return event;
};
const png = (name = "new.png") => new File([new Uint8Array([1, 2, 3])], name, { type: "image/png" });

beforeEach(() => {
  vi.useFakeTimers();
  seen = [];
  stages = [];
  painted = [];
  vi.stubGlobal("IntersectionObserver", Watcher);
  vi.stubGlobal("ImageData", Pixels);
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockImplementation(function (this: HTMLCanvasElement) {
    return { putImageData: () => painted.push(this) } as never;
  });
});
afterEach(() => {
  for (const { strip, client, root } of stages) {
    strip.dispose();
    client.dispose();
    root.remove();
  }
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("thumbnails", () => {
  it("stand for the pictures, painted, named, the selected one marked and alone in the tab order", async () => {
    const at = await stage();
    expect(thumbs(at).map((thumb) => thumb.textContent)).toEqual(["tabby.jpg", "street.png", "harbour.jpg"]);
    expect(new Set(painted).size).toBe(3);
    expect(checked(at)).toEqual([true, false, false]);
    expect(thumbs(at).map((thumb) => thumb.tabIndex)).toEqual([0, -1, -1]);
    expect(at.root.dataset.phase).toBe("done");
  });

  it("select by click and by keys, around the ends", async () => {
    const at = await stage();
    thumbs(at)[1]!.click();
    expect(at.client.values.image).toBe(1);
    press(at, "ArrowRight");
    press(at, "ArrowRight");
    expect(at.client.values.image).toBe(0);
    press(at, "End");
    expect(checked(at)).toEqual([false, false, true]);
    expect(document.activeElement).toBe(thumbs(at)[2]);
    press(at, "x");
    expect(at.client.values.image).toBe(2);
  });

  it("follow a selection made elsewhere", async () => {
    const at = await stage();
    at.kernel.state({ image: 2 });
    expect(checked(at)).toEqual([false, false, true]);
    expect(at.root.dataset.index).toBe("2");
  });

  it("show names with markup as text", async () => {
    const at = await stage({ images: [{ name: "<img src=x>.png", width: 1, height: 1 }] });
    expect(thumbs(at)[0]!.textContent).toBe("<img src=x>.png");
    expect(at.root.querySelector("img")).toBeNull();
  });
});

describe("adding", () => {
  it("sends what is dropped, pasted or picked, and shows the new picture", async () => {
    const at = await stage();
    const dropped = await give(at, "drop", [png()]);
    expect(dropped.defaultPrevented).toBe(true);
    expect(at.kernel.added).toEqual([{ name: "new.png", bytes: 3 }]);
    expect(thumbs(at)).toHaveLength(4);
    expect(message(at).textContent).toBe("");
    await give(at, "paste", [png("")]);
    expect(at.kernel.added.at(-1)!.name).toBe("pasted.png");
    expect(at.kernel.requests.filter(({ topic }) => topic === "thumbnails")).toHaveLength(3);
  });

  it("leaves a paste of text to others", async () => {
    const at = await stage();
    expect((await give(at, "paste", [])).defaultPrevented).toBe(false);
    expect(at.kernel.added).toEqual([]);
  });

  it("refuses at once what is no image, and names it", async () => {
    const at = await stage();
    await give(at, "drop", [
      new File(["x"], "<b>notes</b>.txt", { type: "text/plain" }),
      new File([], "empty.png", { type: "image/png" }),
    ]);
    expect(at.kernel.added).toEqual([]);
    expect(message(at).dataset.verdict).toBe("fails");
    expect(message(at).textContent).toBe(
      "<b>notes</b>.txt is not an image (text/plain). empty.png is empty.",
    );
    expect(message(at).querySelector("svg")).not.toBeNull();
  });

  it("says what the kernel says of a file that it cannot read", async () => {
    const at = await stage();
    at.kernel.emit({
      type: "error",
      client: at.client.id,
      topic: "add",
      seq: 0,
      error: { type: "InputError", message: "new.png is truncated.", hint: "Send it again." },
    });
    expect(message(at).textContent).toBe("new.png is truncated. Send it again.");
  });

  it("says when nothing comes of it", async () => {
    const at = await stage();
    at.kernel.silent = true;
    await give(at, "drop", [png()]);
    expect(message(at).textContent).toBe("Adding the image …");
    await vi.advanceTimersByTimeAsync(31_000);
    expect(message(at).textContent).toContain("has not taken the image");
  });

  it("shows where a file will land, and only for files", async () => {
    const at = await stage();
    await give(at, "dragover", [png()]);
    expect(at.root.hasAttribute("data-dropping")).toBe(true);
    at.root.dispatchEvent(Object.assign(new Event("dragleave"), { relatedTarget: null }));
    expect(at.root.hasAttribute("data-dropping")).toBe(false);
  });
});

describe("panels", () => {
  const buttons = ({ root }: Stage) => [...root.querySelectorAll<HTMLButtonElement>("[aria-pressed]")];

  it("are switched off and on, in their own order, and Python hears of it", async () => {
    const at = await stage();
    buttons(at)[1]!.click();
    expect(at.model.get("panels")).toEqual(["layers", "attribution", "predictions"]);
    expect(at.model.saved).toBe(1);
    at.model.set("panels", ["features"]);
    const pressed = buttons(at).filter((button) => button.getAttribute("aria-pressed") === "true");
    expect(pressed.map(({ textContent }) => textContent)).toEqual(["Feature maps"]);
  });

  it("have no switches where there are no panels", async () => {
    const at = await stage({}, {});
    expect(at.root.querySelector<HTMLElement>(".xw-toggles")!.hidden).toBe(true);
  });

  it("mount and leave through the module that anywidget loads", async () => {
    const kernel = new FakeKernel();
    const model = kernel.panel({ image: 0, panels: ALL });
    const widget = panel();
    const drop = widget.initialize({ model });
    const el = document.createElement("div");
    const cleanup = widget.render({ model, el });
    for (const see of seen) see(true);
    await settle();
    expect(el.querySelectorAll("[role=radio]")).toHaveLength(3);
    cleanup();
    drop();
    expect(el.children).toHaveLength(0);
    expect(model.count("change:panels")).toBe(0);
  });
});
