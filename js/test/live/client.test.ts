import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Client, type PanelModel, type Status, type Values } from "../../src/live/client";
import type { Frame } from "../../src/live/codec";
import type { Params } from "../../src/live/messages";

type Handler = (...args: unknown[]) => void;

/** A WidgetModel that stays in the page. */
class FakeModel {
  handlers = new Map<string, Set<Handler>>();
  sent: Record<string, unknown>[] = [];
  constructor(
    public state: Record<string, unknown>,
    private readonly channel?: FakeModel,
  ) {}
  get widget_manager() {
    return { get_model: async () => (this.channel ? this.channel : Promise.reject(new Error("gone"))) };
  }
  get(name: string) {
    return this.state[name];
  }
  set(name: string, value: unknown) {
    this.state[name] = value;
    this.fire(`change:${name}`);
  }
  save_changes() {}
  on(event: string, fn: Handler) {
    this.handlers.set(event, (this.handlers.get(event) ?? new Set()).add(fn));
  }
  off(event: string, fn: Handler) {
    this.handlers.get(event)?.delete(fn);
  }
  send(content: unknown) {
    this.sent.push(content as Record<string, unknown>);
  }
  fire(event: string, ...args: unknown[]) {
    for (const fn of [...(this.handlers.get(event) ?? [])]) fn(...args);
  }
  of(type: string) {
    return this.sent.filter((message) => message.type === type);
  }
}

const SELECTION: Values = {
  image: 0,
  target: null,
  layer: "a",
  channel: null,
  method: "gradient",
  params: {},
  baseline: { name: "black" },
  seed: 0,
};

function session(...states: Record<string, unknown>[]) {
  const channel = new FakeModel({});
  const models = states.map((state) => new FakeModel({ _channel: "IPY_MODEL_c", ...state }, channel));
  const clients = models.map((model) => Client.connect(model as unknown as PanelModel));
  const tell = (content: unknown, buffers: unknown[] = []) => channel.fire("msg:custom", content, buffers);
  const welcome = () =>
    tell({
      type: "welcome",
      client: "x",
      model: "Net",
      selection: SELECTION,
      classes: null,
      methods: [],
      baselines: [],
      images: [],
    });
  return { channel, models, clients, tell, welcome };
}

function frame(
  client: string,
  seq: number,
  params: Params,
  index = 0,
  final = true,
  value = 1,
): [unknown, unknown[]] {
  const step = { index, done: final ? 1 : 0.5, error: null, final };
  const head = { name: "v", dtype: "float32", shape: [1], scale: 1, zero: 0 };
  const bytes = new DataView(new Float32Array([value]).buffer);
  return [{ type: "frame", client, topic: "maps", seq, params, step, meta: {}, arrays: [head] }, [bytes]];
}

const settle = () => vi.advanceTimersByTimeAsync(100);

describe("Client", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("greets once for all panels of a page and takes the selection from the welcome", async () => {
    const { clients, models, welcome } = session({ layer: null }, {});
    await settle();
    expect(models.flatMap((model) => model.of("hello"))).toHaveLength(1);
    welcome();
    expect(clients.map((client) => client.values.layer)).toEqual(["a", "a"]);
    expect(models[0]?.state.layer).toBe("a");
    expect("layer" in (models[1]?.state ?? {})).toBe(false);
  });

  it("changes the selection for every panel at once, and tells the kernel only the newest", async () => {
    const { clients, models, welcome } = session({ layer: null }, { layer: null });
    await settle();
    welcome();
    const seen: string[] = [];
    clients[1]?.onSelect((values) => seen.push(String(values.layer)));
    for (let i = 0; i < 200; i++) clients[0]?.select({ layer: `l${i}` });
    expect(seen).toHaveLength(200);
    expect(models[1]?.state.layer).toBe("l199");
    await settle();
    const told = models[0]?.of("select") ?? [];
    expect(told).toHaveLength(1);
    expect(told[0]?.values).toEqual({ layer: "l199" });
    expect(models[1]?.of("select")).toHaveLength(0);
  });

  it("is not thrown back by the echo of its own wish, but follows the kernel's", async () => {
    const { clients, tell, welcome } = session({});
    await settle();
    welcome();
    clients[0]?.select({ layer: "b" });
    clients[0]?.select({ layer: "c" });
    tell({ type: "state", origin: clients[0]?.id, values: { layer: "b" } });
    expect(clients[0]?.values.layer).toBe("c");
    tell({ type: "state", origin: "kernel", values: { layer: "a" } });
    expect(clients[0]?.values.layer, "said before the kernel heard of c").toBe("c");
    tell({ type: "state", origin: clients[0]?.id, values: {}, heard: { layer: "c" } });
    tell({ type: "state", origin: "kernel", values: { layer: "d" } });
    expect(clients[0]?.values.layer).toBe("d");
  });

  it("follows its own model's traits, so that jslink works", async () => {
    const { clients, models, welcome } = session({ layer: null });
    await settle();
    welcome();
    models[0]?.set("layer", "linked");
    expect(clients[0]?.values.layer).toBe("linked");
    await settle();
    expect(models[0]?.of("select").at(-1)?.values).toEqual({ layer: "linked" });
  });

  it("asks only for the newest of many wishes and shows none behind a newer one", async () => {
    const { clients, models, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    const shown: unknown[] = [];
    feed.onFrame((f: Frame) => shown.push(f.params.layer));
    for (let i = 0; i < 200; i++) feed.request({ layer: i });
    await settle();
    const asked = models[0]?.of("request") ?? [];
    expect(asked.map((message) => message.params)).toEqual([{ layer: 199 }]);
    const seq = asked[0]?.seq as number;
    // Overtaken, but the newest there is: a quick hand would else see nothing until it rests.
    tell(...frame(client.id, seq - 5, { layer: 194 }, 0, false));
    expect(shown).toEqual([194]);
    expect(feed.status.phase).toBe("waiting");
    tell(...frame(client.id, seq - 7, { layer: 192 }));
    tell(...frame("another view", seq - 1, { layer: 198 }));
    expect(shown).toEqual([194]);
    tell(...frame(client.id, seq, { layer: 199 }));
    expect(shown).toEqual([194, 199]);
    tell(...frame(client.id, seq - 1, { layer: 50 }));
    expect(shown).toEqual([194, 199]);
    expect(feed.status.phase).toBe("done");
    await settle();
    expect(models[0]?.of("ack")).toHaveLength(4);
    feed.request({ layer: 0 });
    feed.cancel();
    tell(...frame(client.id, seq + 1, { layer: 1 }));
    expect(shown).toEqual([194, 199]);
  });

  it("answers from the cache of the page, whoever asked for it", async () => {
    const { clients, models, tell, welcome } = session({}, {});
    await settle();
    welcome();
    const [one, two] = clients as [Client, Client];
    tell(...frame(one.id, -1, { layer: 7, image: 0 }));
    const shown: unknown[] = [];
    const feed = two.feed("maps");
    feed.onFrame((f) => shown.push(f.params.layer));
    feed.request({ image: 0, layer: 7 });
    expect(shown).toEqual([7]);
    expect(feed.status.phase).toBe("done");
    await settle();
    expect(models[1]?.of("request")).toHaveLength(0);
  });

  it("never shows an older step after a newer one", async () => {
    const { clients, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    const shown: number[] = [];
    feed.onFrame((f) => shown.push(f.step.index));
    feed.request({ layer: 1 });
    tell(...frame(client.id, 1, { layer: 1 }, 3, false));
    tell(...frame(client.id, 1, { layer: 1 }, 2, false));
    expect(feed.status.phase).toBe("refining");
    tell(...frame(client.id, 1, { layer: 1 }, 9, true));
    tell(...frame(client.id, 1, { layer: 1 }, 4, false));
    expect(shown).toEqual([3, 9]);
    expect(feed.status.phase).toBe("done");
  });

  it("says when the kernel is silent, and goes on when it is heard again", async () => {
    const { clients, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    const phases: string[] = [];
    feed.onStatus((status: Status) => phases.push(status.phase));
    feed.request({ layer: 1 });
    await vi.advanceTimersByTimeAsync(5000);
    expect(phases).toEqual(["waiting", "stale"]);
    tell(...frame(client.id, 1, { layer: 1 }));
    expect(phases.at(-1)).toBe("done");
  });

  it("keeps what failed apart from what to do, and asks again when asked again", async () => {
    const { clients, models, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    feed.request({ layer: 1 });
    await settle();
    const failure = { type: "ModelError", message: "no", hint: "do" };
    tell({ type: "error", client: client.id, topic: "maps", seq: 1, error: failure });
    expect(feed.status).toMatchObject({ phase: "error", failure });
    feed.request({ layer: 1 });
    await settle();
    expect(models[0]?.of("request")).toHaveLength(2);
  });

  it("asks again when the kernel says that what it sent is worth nothing", async () => {
    const { clients, models, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    const shown: number[] = [];
    feed.onFrame((f) => shown.push(Number(f.arrays.v?.data[0])));
    feed.request({ layer: 1 });
    await settle();
    tell(...frame(client.id, 1, { layer: 1 }, 0, true, 5));
    tell({ type: "reset" });
    await settle();
    expect(models[0]?.of("request")).toHaveLength(2);
    tell(...frame(client.id, 2, { layer: 1 }, 0, true, 6));
    expect(shown).toEqual([5, 6]);
  });

  it("drops frames after a cancel", async () => {
    const { clients, models, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    const shown: number[] = [];
    feed.onFrame((f) => shown.push(f.step.index));
    feed.request({ layer: 1 });
    await settle();
    feed.cancel();
    expect(models[0]?.of("cancel")).toHaveLength(1);
    tell(...frame(client.id, 1, { layer: 1 }, 5, false));
    expect(shown).toEqual([]);
    expect(feed.status.phase).toBe("cancelled");
  });

  it("says so when the kernel that drew it is gone", async () => {
    const model = new FakeModel({ _channel: "IPY_MODEL_c" });
    const client = Client.connect(model as unknown as PanelModel);
    const feed = client.feed("maps");
    feed.request({ layer: 1 });
    await settle();
    expect(feed.status.phase).toBe("stale");
    expect(feed.status.note).toContain("run the cell again");
  });

  it("sends nothing to a kernel that has gone, and still shows what it knows", async () => {
    const { clients, models, channel, tell, welcome } = session({ layer: null });
    const client = clients[0]!;
    await settle();
    welcome();
    tell(...frame(client.id, 1, { layer: "a" }));
    Object.assign(channel, { comm_live: false });
    for (const name of ["send", "save_changes"] as const)
      models[0]![name] = () => {
        throw new Error("no comm");
      };
    const feed = client.feed("maps");
    const frames: Frame[] = [];
    feed.onFrame((one) => frames.push(one));
    client.select({ layer: "b" });
    feed.request({ layer: "a" });
    feed.request({ layer: "c" });
    client.steady(models[0] as unknown as PanelModel).save_changes();
    await settle();
    expect(frames).toHaveLength(1);
    expect([feed.status.phase, feed.status.failure?.type]).toEqual(["stale", "KernelGone"]);
    expect(client.addImage("a.png", new ArrayBuffer(1))?.hint).toBe("Run the cell again.");
  });

  it("takes a host that can't send for a kernel that has gone, until it is told of another", async () => {
    const { clients, models, channel, welcome } = session({ layer: null });
    await settle();
    welcome();
    const warned = vi.spyOn(console, "warn").mockImplementation(() => {});
    const feed = clients[0]!.feed("maps");
    feed.request({ layer: "a" });
    await settle();
    const send = models[0]!.send;
    models[0]!.send = () => {
      throw new Error("Cannot send");
    };
    for (const ms of [3000, 20_000]) {
      await vi.advanceTimersByTimeAsync(ms);
      expect(feed.status.phase).toBe("stale");
      expect(feed.status.note).toContain("run the cell again");
    }
    expect(warned).toHaveBeenCalledTimes(1);
    models[0]!.send = send;
    channel.fire("comm_live_update");
    await settle();
    expect(feed.status.phase).toBe("waiting");
    expect(models[0]!.of("request").at(-1)?.params).toEqual({ layer: "a" });
    warned.mockRestore();
  });

  it("ignores what is not ours", async () => {
    const { clients, tell, welcome } = session({});
    await settle();
    welcome();
    const feed = (clients[0] as Client).feed("maps");
    feed.request({ layer: 1 });
    for (const odd of [
      null,
      3,
      "x",
      {},
      { type: "frame" },
      { type: "welcome" },
      { type: "error", client: 1 },
    ])
      tell(odd);
    tell({ ...(frame("x", 1, { layer: 1 })[0] as object) }, []);
    expect(feed.status.phase).toBe("waiting");
  });
});

describe("a line that loses words", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("asks again for what was not answered, and says so only when that is not answered either", async () => {
    const { clients, models, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    feed.request({ layer: 1 });
    await vi.advanceTimersByTimeAsync(2100);
    expect(models[0]?.of("again")).toMatchObject([{ topic: "maps", seq: 1, params: { layer: 1 } }]);
    expect(feed.status.phase).toBe("waiting");
    tell({ type: "progress", client: client.id, topic: "maps", seq: 1, done: 0, error: null, note: null });
    await vi.advanceTimersByTimeAsync(1900);
    expect(feed.status.phase).toBe("waiting");
    await vi.advanceTimersByTimeAsync(3000);
    expect(feed.status).toMatchObject({ phase: "stale", note: "Kernel busy or disconnected" });
  });

  it("tells the selection until it is confirmed, and is not put back to what the kernel knew", async () => {
    const { clients, models, tell, welcome } = session({ layer: null });
    await settle();
    welcome();
    const client = clients[0] as Client;
    client.select({ layer: "b" });
    await vi.advanceTimersByTimeAsync(2200);
    expect(models[0]?.of("select").map((told) => told.values)).toEqual([{ layer: "b" }, { layer: "b" }]);
    models[0]?.set("layer", "a"); // the host, connected again, has the kernel's state
    expect([client.values.layer, models[0]?.state.layer]).toEqual(["b", "b"]);
    tell({ type: "state", origin: client.id, values: {}, heard: { layer: "b" } });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(models[0]?.of("select")).toHaveLength(2);
    models[0]?.set("layer", "a");
    expect(client.values.layer).toBe("a");
  });

  it("gives a view that comes later what is shown, and forgets it when the last one is gone", async () => {
    const { clients, models, tell, welcome } = session({});
    await settle();
    welcome();
    const client = clients[0] as Client;
    const feed = client.feed("maps");
    client.appeared();
    feed.request({ layer: 1 });
    tell(...frame(client.id, 1, { layer: 1 }));
    const later: unknown[] = [];
    feed.onFrame((f) => later.push(f.params.layer));
    expect(later).toEqual([1]);
    client.left();
    expect(models[0]?.of("gone")).toHaveLength(1);
    expect(feed.peek({ layer: 1 })).toBeUndefined();
    tell({ type: "roll" });
    expect(models[0]?.of("shown")).toHaveLength(1);
  });
});
