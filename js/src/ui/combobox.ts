/** A searchable list under a text field: the ARIA combobox pattern, filled a screenful at a time. */

import { fill, h, uid } from "./element";
import { type Control, type FieldText, field } from "./field";
import { icon } from "./icon";
import { Search } from "./search";

export interface Choice {
  key: string;
  label: string;
  detail?: string | undefined;
}

export interface Combobox extends Control<string> {
  /** Everything that can be found, and what stands first while nothing is typed. */
  choices(all: readonly Choice[], first?: readonly Choice[]): void;
  /** What the closed field shows for a key that is none of the choices. */
  caption(text: string | null): void;
  dispose(): void;
}

export interface ComboboxOptions extends FieldText {
  placeholder?: string;
  onPick(key: string): void;
}

const SCREENFUL = 60;

interface Row extends Choice {
  start: number;
  length: number;
}

export function combobox(options: ComboboxOptions): Combobox {
  return new ComboboxControl(options);
}

class ComboboxControl implements Combobox {
  readonly element: HTMLElement;
  #input: HTMLInputElement;
  #list: HTMLElement;
  #count = h("span", { class: "xw-sr", role: "status" });
  #all: readonly Choice[] = [];
  #first: readonly Choice[] = [];
  #search = new Search([]);
  #rows: Row[] = [];
  #ahead = 0;
  #active = -1;
  #key = "";
  #caption: string | null = null;
  #open = false;
  #away: (() => void) | null = null;

  constructor(private readonly options: ComboboxOptions) {
    const list = h("div", {
      class: "xw-list",
      id: uid("list"),
      role: "listbox",
      "aria-label": `${options.label}: choices`,
    });
    if (typeof list.showPopover === "function") list.setAttribute("popover", "manual");
    else list.hidden = true;
    this.#list = list;
    this.#input = h("input", {
      type: "text",
      class: "xw-combo",
      id: uid("combo"),
      role: "combobox",
      autocomplete: "off",
      autocapitalize: "none",
      spellcheck: "false",
      placeholder: options.placeholder,
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      "aria-controls": list.id,
    });
    const box = h("div", { class: "xw-combo-box" }, icon("search"), list, this.#count);
    this.element = field(options, this.#input);
    this.#input.replaceWith(box);
    box.prepend(this.#input);
    this.#wire();
  }

  get(): string {
    return this.#key;
  }

  set(key: string): void {
    this.#key = key;
    if (!this.#open) this.#rest();
  }

  caption(text: string | null): void {
    this.#caption = text;
    if (!this.#open) this.#rest();
  }

  choices(all: readonly Choice[], first: readonly Choice[] = []): void {
    if (all !== this.#all) this.#search = new Search(all.map(({ label }) => label));
    this.#all = all;
    this.#first = first;
    if (this.#open) this.#filter(this.#active);
    else this.#rest();
  }

  dispose(): void {
    this.#close();
  }

  #wire(): void {
    const input = this.#input;
    input.addEventListener("click", () => this.#show());
    input.addEventListener("input", () => {
      this.#show(false);
      this.#filter(0);
    });
    input.addEventListener("keydown", (event) => this.#keydown(event));
    input.addEventListener("blur", () => this.#close());
    this.#list.addEventListener("scroll", () => this.#grow());
    // The field must keep the focus, or its blur would close the list before the click is done.
    this.#list.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", (event) => {
      const row = (event.target as Element).closest("[data-row]");
      if (row) this.#pick(Number(row.getAttribute("data-row")));
    });
  }

  #keydown(event: KeyboardEvent): void {
    const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      if (!this.#open) this.#show();
      else this.#activate(Math.min(this.#rows.length - 1, Math.max(0, this.#active + move)));
    } else if (event.key === "Enter" && this.#open) {
      event.preventDefault();
      this.#pick(this.#active);
    } else if (event.key === "Escape" && this.#open) {
      // This Escape closes the list; only the next one means the running work.
      event.stopPropagation();
      event.preventDefault();
      this.#close();
    } else if (event.key === "Enter") this.#show();
  }

  #show(fresh = true): void {
    if (this.#open) return;
    this.#open = true;
    this.#input.setAttribute("aria-expanded", "true");
    if (fresh) this.#input.select();
    this.#place();
    this.#filter(null);
  }

  /** In the top layer, where neither the cell nor the explorer cuts it off. */
  #place(): void {
    const list = this.#list;
    if (!list.hasAttribute("popover")) {
      list.hidden = false;
      return;
    }
    list.showPopover();
    const at = this.#input.getBoundingClientRect();
    const room = globalThis.innerHeight - at.bottom - 12;
    const above = room < 200 && at.top > room;
    const height = Math.min(320, Math.max(120, above ? at.top - 12 : room));
    list.style.maxHeight = `${height}px`;
    list.style.minWidth = `${at.width}px`;
    const width = Math.max(at.width, list.offsetWidth);
    const fits = at.left + width < document.documentElement.clientWidth - 4;
    list.style.left = `${Math.max(4, fits ? at.left : at.right - width)}px`;
    list.style.top = above ? "auto" : `${at.bottom + 3}px`;
    list.style.bottom = above ? `${globalThis.innerHeight - at.top + 3}px` : "auto";
    const scrolled = (event: Event) => {
      if (!(event.target instanceof Node) || !list.contains(event.target)) this.#close();
    };
    document.addEventListener("scroll", scrolled, { capture: true, passive: true });
    this.#away = () => document.removeEventListener("scroll", scrolled, { capture: true });
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#away?.();
    this.#away = null;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
    if (!this.#list.hasAttribute("popover")) this.#list.hidden = true;
    else if (this.#list.isConnected) this.#list.hidePopover();
    fill(this.#list, []);
    this.#rest();
  }

  /** What the field says while it is closed. */
  #rest(): void {
    const chosen = this.#chosen();
    this.#input.value = chosen?.label ?? this.#caption ?? "";
    this.#input.title = chosen ? [chosen.label, chosen.detail].filter(Boolean).join(" · ") : "";
  }

  #chosen(): Choice | undefined {
    const is = ({ key }: Choice) => key === this.#key;
    return this.#first.find(is) ?? this.#all.find(is);
  }

  #filter(active: number | null): void {
    const typed = active === null ? "" : this.#input.value;
    const found = this.#search
      .find(typed)
      .map(({ index, start, length }) => ({ ...this.#all[index]!, start, length }));
    const ahead =
      typed.trim() === "" ? this.#first.map((choice) => ({ ...choice, start: 0, length: 0 })) : [];
    const shown = new Set(ahead.map(({ key }) => key));
    this.#ahead = ahead.length;
    this.#rows = [...ahead, ...found.filter(({ key }) => !shown.has(key))];
    fill(this.#list, []);
    if (this.#rows.length === 0)
      fill(this.#list, [h("div", { class: "xw-list-empty" }, "Nothing of that name.")]);
    this.#grow(true);
    this.#count.textContent = `${this.#rows.length} found`;
    const chosen = this.#rows.findIndex(({ key }) => key === this.#key);
    this.#activate(active === null ? chosen : Math.min(active, this.#rows.length - 1));
  }

  #grow(first = false): void {
    const list = this.#list;
    const near = first || list.scrollTop + list.clientHeight > list.scrollHeight - 120;
    if (near) this.#fillTo(list.querySelectorAll("[data-row]").length + SCREENFUL);
  }

  #fillTo(end: number): void {
    const from = this.#list.querySelectorAll("[data-row]").length;
    this.#list.append(...this.#rows.slice(from, end).map((row, i) => this.#draw(row, from + i)));
  }

  #draw(row: Row, i: number): HTMLElement {
    const { label, start, length } = row;
    const id = `${this.#list.id}-${i}`;
    const mark = length > 0 ? h("mark", {}, label.slice(start, start + length)) : null;
    const name = h(
      "span",
      { class: "xw-list-name" },
      label.slice(0, start),
      mark,
      label.slice(start + length),
    );
    const detail = row.detail ? h("span", { class: "xw-list-detail" }, row.detail) : null;
    const attributes = {
      class: "xw-list-row",
      id,
      role: "option",
      "data-row": i,
      "data-last": i === this.#ahead - 1,
    };
    return h("div", { ...attributes, "aria-selected": String(row.key === this.#key) }, name, detail);
  }

  #activate(index: number): void {
    this.#fillTo(index + 1);
    this.#list.querySelector("[data-active]")?.removeAttribute("data-active");
    this.#active = index;
    const row = this.#list.querySelector(`[data-row="${index}"]`);
    if (!row) {
      this.#input.removeAttribute("aria-activedescendant");
      return;
    }
    row.setAttribute("data-active", "");
    row.scrollIntoView?.({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", row.id);
  }

  #pick(index: number): void {
    const row = this.#rows[index];
    if (!row) return;
    const changed = row.key !== this.#key;
    this.#key = row.key;
    this.#close();
    if (changed) this.options.onPick(row.key);
  }
}
