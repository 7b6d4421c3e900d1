import type { TimeView } from "./time-view.ts";

/** Steps through the range by the arrow keys; with Shift, by more. */
const STEP = 0.005;
const LEAP = 0.1;

/** Lets the keyboard point and zoom while `host`, or anything in it, has the focus. */
export function listenToKeys(host: HTMLElement, view: TimeView): void {
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = action(event, view);
    if (act === undefined) return;
    event.preventDefault();
    act();
  });
}

function action(event: KeyboardEvent, view: TimeView): (() => void) | undefined {
  const share = event.shiftKey ? LEAP : STEP;
  switch (event.key) {
    case "ArrowLeft":
      return () => view.step(-share);
    case "ArrowRight":
      return () => view.step(share);
    case "PageUp":
      return () => view.pan(-0.5);
    case "PageDown":
      return () => view.pan(0.5);
    case "+":
    case "=":
      return () => view.scale(0.5);
    case "-":
    case "_":
      return () => view.scale(2);
    case "0":
      return () => view.reset();
    case "Escape":
      return () => view.point(undefined);
    default:
      return undefined;
  }
}
