/** Elements from code. Strings become text nodes, so that data with markup in it stays text. */

export type Attributes = Record<string, string | number | boolean | null | undefined>;
export type Child = Node | string | null | undefined | false;

/** Make an element; `class` and all other attributes by their HTML names, null and false leave one out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  fill(element, children);
  return element;
}

export function attribute(element: Element, name: string, value: Attributes[string]): void {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}

export function fill(element: Element, children: readonly Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => !!child));
}

/** Change the text only where it differs: an untouched node keeps its selection and is not announced. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

let count = 0;

/** An id that no other element of the page has, for labels and descriptions. */
export function uid(stem: string): string {
  count += 1;
  return `xw-${stem}-${count}-${Math.random().toString(36).slice(2, 7)}`;
}

/** Listen, and get the undoing back. */
export function listen<K extends keyof HTMLElementEventMap>(
  element: EventTarget,
  type: K,
  fn: (event: HTMLElementEventMap[K]) => void,
  options?: AddEventListenerOptions,
): () => void {
  element.addEventListener(type, fn as EventListener, options);
  return () => element.removeEventListener(type, fn as EventListener, options);
}
