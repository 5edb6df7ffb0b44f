/**
 * Whether somebody can see an element: hidden tabs, collapsed cells, boxes without width and what is scrolled
 * far away cost nothing.
 */
export function watchVisible(element: Element, fn: (visible: boolean) => void): () => void {
  if (typeof IntersectionObserver === "undefined") {
    fn(true);
    return () => {};
  }
  let near = false;
  let wide = true;
  let last: boolean | undefined;
  const tell = (): void => {
    const visible = near && wide;
    if (visible === last) return;
    last = visible;
    fn(visible);
  };
  // A margin, so that a cell that is about to be scrolled in has its picture when it arrives. Boxes that
  // only touch intersect, too: the second threshold tells when there is something to see.
  const observer = new IntersectionObserver(
    (entries) => {
      const entry = entries.at(-1);
      const clipped = entry?.intersectionRect?.width === 0 && entry.boundingClientRect.width > 0;
      near = (entry?.isIntersecting ?? false) && !clipped;
      tell();
    },
    { rootMargin: "200px", threshold: [0, 1e-4] },
  );
  observer.observe(element);
  const sizes =
    typeof ResizeObserver === "undefined"
      ? null
      : new ResizeObserver(([entry]) => {
          wide = (entry?.contentRect?.width ?? 1) > 0;
          if (last !== undefined) tell();
        });
  sizes?.observe(element);
  return () => {
    observer.disconnect();
    sizes?.disconnect();
  };
}

/** Call with the element's content width, now and whenever it changes. */
export function watchWidth(element: Element, fn: (width: number) => void): () => void {
  if (typeof ResizeObserver === "undefined") {
    fn(element.clientWidth);
    return () => {};
  }
  const observer = new ResizeObserver((entries) => fn(entries.at(-1)?.contentRect.width ?? 0));
  observer.observe(element);
  return () => observer.disconnect();
}
