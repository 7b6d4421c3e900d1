import type { Load } from "./load.ts";
import { createRandom } from "./random.ts";

/** When requests are due: milliseconds from the beginning, each call the next one, never falling. */
export type Arrivals = () => number;

/**
 * The arrivals of a load that sets its own pace. The same seed gives the same ones: generators that share a load each
 * draw all of them and send every nth, so that together they make the very load that one alone would.
 */
export function createArrivals(
  load: Exclude<Load, { readonly kind: "concurrency" }>,
  seed: number,
): Arrivals {
  let made = 0;
  if (load.kind === "intervals") {
    const { intervalsMs } = load;
    let at = 0;
    return () => {
      const due = at;
      at += intervalsMs[made++ % intervalsMs.length] ?? 0;
      return due;
    };
  }
  const gapMs = 1000 / load.rate;
  // Multiplied, not added up: an hour later the grid is still where it was.
  if (load.distribution !== "poisson") return () => made++ * gapMs;
  const random = createRandom(seed);
  let at = 0;
  return () => {
    at -= Math.log(1 - random()) * gapMs;
    return at;
  };
}

/** Every `of`th of them, from `index` on. */
export function shareOf(arrivals: Arrivals, index: number, of: number): Arrivals {
  let skip = index;
  return () => {
    for (; skip > 0; skip--) arrivals();
    skip = of - 1;
    return arrivals();
  };
}
