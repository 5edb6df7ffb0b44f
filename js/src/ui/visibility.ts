/** Whether somebody can see an element: hidden tabs, collapsed cells and what is scrolled far away cost nothing. */

export function watchVisible(element: Element, fn: (visible: boolean) => void): () => void {
  if (typeof IntersectionObserver === "undefined") {
    fn(true);
    return () => {};
  }
  // A margin, so that a cell that is about to be scrolled in has its picture when it arrives.
  const observer = new IntersectionObserver((entries) => fn(entries.at(-1)?.isIntersecting ?? false), {
    rootMargin: "200px",
  });
  observer.observe(element);
  return () => observer.disconnect();
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
