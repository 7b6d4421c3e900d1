import { element } from "./element.ts";
import { listenToKeys } from "./keyboard.ts";
import { gpsText, toNs, utcText } from "./text.ts";
import type { TimeView } from "./time-view.ts";

/** Where the times of a view lie on the clock. */
export interface Clock {
  /** GPS nanoseconds of the view's zero. */
  readonly zeroNs: bigint;
  /** Unix milliseconds of the whole GPS second `second`. */
  readonly second: bigint;
  readonly utcMs: number;
}

/** UTC of a GPS time. A leap second within a run is not followed; there has been none since 2017. */
export function utcAt(clock: Clock, gpsNs: bigint): string {
  const seconds = Number(gpsNs / 1_000_000_000n - clock.second);
  return utcText(gpsNs, clock.utcMs + 1000 * seconds);
}

/** The frame of a group of plots: a line that says where the cursor is, buttons, keys. */
export interface Frame {
  readonly root: HTMLElement;
  readonly plots: HTMLElement;
}

/**
 * @param label what the plots show, for those who hear it
 * @param remark anything else to be said about the time under the cursor
 */
export function createFrame(
  view: TimeView,
  clock: Clock,
  label: string,
  remark: (time: number) => string = () => "",
): Frame {
  const readout = element("output", { "aria-live": "off" });
  const plots = element("div", {
    class: "plots",
    tabindex: "0",
    role: "group",
    "aria-label": `${label}. Arrow keys move the cursor, plus and minus zoom, zero shows all.`,
  });
  const button = (text: string, name: string, act: () => void): HTMLButtonElement => {
    const made = element("button", { type: "button", "aria-label": name, title: name }, text);
    made.addEventListener("click", act);
    return made;
  };
  const root = element(
    "div",
    {},
    element(
      "div",
      { class: "bar" },
      readout,
      element(
        "span",
        {},
        button("\u2212", "Zoom out (−)", () => view.scale(2)),
        button("+", "Zoom in (+)", () => view.scale(0.5)),
        button("All", "Show all (0)", () => view.reset()),
      ),
    ),
    plots,
  );
  const say = (): void => {
    const { cursor, range } = view;
    if (cursor === undefined) {
      const from = gpsText(clock.zeroNs + toNs(range.from));
      const to = gpsText(clock.zeroNs + toNs(range.to));
      readout.replaceChildren(`GPS ${from} to ${to}`);
      return;
    }
    const gpsNs = clock.zeroNs + toNs(cursor);
    readout.replaceChildren(
      element("b", {}, `GPS ${gpsText(gpsNs)}`),
      `  ${utcAt(clock, gpsNs)} UTC  `,
      element("span", { class: "gap-reason" }, remark(cursor)),
    );
  };
  view.watch(say);
  say();
  listenToKeys(plots, view);
  // A reader who hears the page is told of the cursor only while moving it by keys.
  plots.addEventListener("focus", () => readout.setAttribute("aria-live", "polite"));
  plots.addEventListener("blur", () => readout.setAttribute("aria-live", "off"));
  return { root, plots };
}
