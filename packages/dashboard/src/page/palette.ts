import { DARK, LIGHT, type Theme } from "./theme.ts";

const darkness = matchMedia("(prefers-color-scheme: dark)");
const repaints: (() => void)[] = [];
let printing = false;

/** The theme that canvases are to be painted in now: the reader's, and light on paper. */
export function theme(): Theme {
  return darkness.matches && !printing ? DARK : LIGHT;
}

/** Calls `repaint` when the theme changes, and before and after the page is put on paper. */
export function onRepaint(repaint: () => void): void {
  repaints.push(repaint);
}

function repaintAll(): void {
  for (const repaint of repaints) repaint();
}

function setPrinting(now: boolean): void {
  printing = now;
  // Takes a sheet's width, which the plots then follow: a canvas drawn for a screen would be cut off.
  document.body.classList.toggle("paper", now);
  repaintAll();
}

darkness.addEventListener("change", repaintAll);
addEventListener("beforeprint", () => setPrinting(true));
addEventListener("afterprint", () => setPrinting(false));
