/** The script of a page without a kernel. */

import { write } from "../ui/element";
import { open } from "./page";
import "../ui/theme.css";
import "./offline.css";

const page = document.getElementById("xw-page")!;
const carried = (id: string) => document.getElementById(id)?.textContent?.trim() ?? "";

/** A frame is as high as what is in it; only the host can give it that height. */
function tellHeight(): void {
  const tell = () => parent.postMessage({ xwHeight: Math.ceil(page.getBoundingClientRect().bottom) }, "*");
  new ResizeObserver(tell).observe(page);
}

function fail(error: unknown): void {
  const old = typeof DecompressionStream === "undefined";
  const why = old
    ? "This browser is too old to unpack the page. Chrome 80, Firefox 113, Safari 16.4 and newer can."
    : `This page is damaged and cannot be unpacked: ${String(error)}`;
  write(page.querySelector(".xw-page-note")!, why);
  page.dataset.phase = "error";
}

if (parent !== window) tellHeight();
open(page, carried("xw-index"), carried("xw-data")).then(() => {
  page.dataset.phase = "done";
}, fail);
