/**
 * From an input event to the frame with its pixels.
 *
 * The clock starts with the event's own `timeStamp`, which the browser takes when the move of the mouse reaches it.
 * It stops when the main thread has finished a frame (animation callbacks, style, layout, paint) in which the
 * picture was drawn anew, is the wished one by what its panel says, and has other pixels than before. The screen
 * shows that frame with its next refresh, which is not counted, for nobody.
 */
(() => {
  const drawn = new WeakMap();
  const { prototype } = CanvasRenderingContext2D;
  for (const name of ["putImageData", "drawImage", "clearRect", "fillRect"]) {
    const original = prototype[name];
    prototype[name] = function (...given) {
      drawn.set(this.canvas, (drawn.get(this.canvas) ?? 0) + 1);
      return original.apply(this, given);
    };
  }

  let moved = null;
  const note = (event) => {
    if (event.isTrusted) moved = event.timeStamp;
  };
  for (const type of ["pointermove", "pointerup"]) addEventListener(type, note, { capture: true });

  /** When the main thread is done with the next frame. */
  const frame = () =>
    new Promise((resolve) => {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve(performance.now());
        port2.postMessage(0);
      });
    });

  /** What a panel must say of itself: a picture that was drawn anew may still be that of an older wish. */
  const current = ({ dataset }) => dataset.outdated === undefined;
  const states = {
    drawn: () => true,
    layer: ({ dataset }) => dataset.layer === dataset.wanted,
    first: current,
    final: (panel) => current(panel) && panel.dataset.phase === "done",
  };

  /** Something that is another one after the picture was drawn. An image counts when it can be painted. */
  function version(picture, before) {
    if (picture instanceof HTMLCanvasElement) return drawn.get(picture) ?? 0;
    return picture.complete && picture.naturalWidth > 0 ? picture.src : before;
  }

  /** The pixels, smaller. */
  function print(picture) {
    const small = new OffscreenCanvas(64, 64).getContext("2d", { willReadFrequently: true });
    small.drawImage(picture, 0, 0, 64, 64);
    return small.getImageData(0, 0, 64, 64).data.join();
  }

  /** The layer that a panel of ours says it shows: the first maps of two layers may be the same. */
  const layer = (picture) => picture.closest(".xw-root")?.dataset.layer;

  const find = (selector) => document.querySelector(selector);
  let found = null;
  let pictures = 0;
  let counting = false;

  window.xwProbe = {
    /** Begin to wait for another picture. */
    arm(selector, state, seconds) {
      moved = null;
      const picture = find(selector);
      const before = { version: version(picture, ""), print: print(picture), layer: layer(picture) };
      const end = performance.now() + 1000 * seconds;
      found = (async () => {
        for (let now = 0; now < end; ) {
          now = await frame();
          const shown = find(selector);
          if (moved === null || !shown || !states[state](shown.closest(".xw-root"))) continue;
          if (version(shown, before.version) === before.version && shown === picture) continue;
          if (print(shown) !== before.print || layer(shown) !== before.layer) return now - moved;
        }
        return null;
      })();
    },
    /** Milliseconds, or null where it did not come. */
    found: () => found,
    /** Count the frames that bring another picture, until asked. */
    async count(selector) {
      pictures = 0;
      counting = true;
      for (let last = version(find(selector), ""); counting; ) {
        await frame();
        const shown = find(selector);
        const next = shown ? version(shown, last) : last;
        if (next !== last) pictures += 1;
        last = next;
      }
    },
    counted() {
      counting = false;
      return pictures;
    },
  };
})();
