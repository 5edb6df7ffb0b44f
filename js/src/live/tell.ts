/** Tell all of them, also where one fails: a view that cannot draw something keeps no other from it. */
export function tell<A extends unknown[]>(fns: Iterable<(...args: A) => void>, ...args: A): void {
  for (const fn of [...fns]) {
    try {
      fn(...args);
    } catch (error) {
      console.error("[xai_widgets] a view failed:", error);
    }
  }
}
