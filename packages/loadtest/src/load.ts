import { invalidOption } from "@strainflow/series";

/** How requests come. */
export type Load =
  /** So many are always under way: the next one is sent when one is answered. */
  | { readonly kind: "concurrency"; readonly concurrency: number }
  /** So many per second, whatever the answers do. */
  | {
      readonly kind: "rate";
      /** Requests per second. */
      readonly rate: number;
      /** Default "constant": equal gaps. "poisson": as from many clients who do not know of each other. */
      readonly distribution?: "constant" | "poisson";
    }
  /** With gaps as they were recorded, over and over. */
  | { readonly kind: "intervals"; readonly intervalsMs: readonly number[] };

/** A range of loads. */
export interface LoadRange {
  readonly start: number;
  /** Default: `start`, one load. */
  readonly end?: number;
  /** Default 1. */
  readonly step?: number;
}

/** `{ start: 1, end: 8, step: 2 }`: concurrencies 1, 3, 5, 7. @throws `invalid-option` */
export function concurrencies(range: LoadRange): Load[] {
  return valuesOf("concurrencies", range, true).map((concurrency) => ({ kind: "concurrency", concurrency }));
}

/** `{ start: 100, end: 500, step: 100 }`: requests per second. @throws `invalid-option` */
export function rates(range: LoadRange, distribution: "constant" | "poisson" = "constant"): Load[] {
  return valuesOf("rates", range, false).map((rate) => ({ kind: "rate", rate, distribution }));
}

/** So many loads are a mistake in a range rather than a wish. */
const MOST_LOADS = 10_000;

function valuesOf(where: string, { start, end = start, step = 1 }: LoadRange, whole: boolean): number[] {
  const fits = (value: number): boolean =>
    whole ? Number.isSafeInteger(value) && value >= 1 : Number.isFinite(value) && value > 0;
  const kind = whole ? "a whole number of at least 1" : "a number above 0";
  if (!fits(start)) throw invalidOption(where, "start", start, kind);
  if (!fits(end) || end < start) throw invalidOption(where, "end", end, `${kind}, and not below start`);
  if (!fits(step)) throw invalidOption(where, "step", step, kind);
  const count = Math.floor((end - start) / step + 1e-9) + 1;
  if (count > MOST_LOADS) throw invalidOption(where, "step", step, `larger: it makes ${count} loads`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** @throws `invalid-option` for a load that cannot be made */
export function checkLoad(load: Load): void {
  switch (load.kind) {
    case "concurrency":
      valuesOf("loadTest", { start: load.concurrency }, true);
      return;
    case "rate":
      valuesOf("loadTest", { start: load.rate }, false);
      return;
    case "intervals": {
      const { intervalsMs } = load;
      const bad = intervalsMs.find((gap) => !(gap >= 0 && Number.isFinite(gap)));
      if (bad !== undefined)
        throw invalidOption("loadTest", "intervalsMs", bad, "milliseconds of at least 0");
      if (!intervalsMs.some((gap) => gap > 0))
        throw invalidOption("loadTest", "intervalsMs", "empty or all 0", "gaps, one of them above 0");
    }
  }
}

/** Requests per second that a load asks for; nothing where the answers set the pace. */
export function askedRate(load: Load): number | undefined {
  if (load.kind === "rate") return load.rate;
  if (load.kind === "concurrency") return undefined;
  return (1000 * load.intervalsMs.length) / load.intervalsMs.reduce((sum, gap) => sum + gap, 0);
}

/** `concurrency 4`, `500 requests/s`, `500 requests/s (poisson)`, `recorded intervals (500 requests/s)` */
export function loadText(load: Load): string {
  const rate = `${Number((askedRate(load) ?? 0).toPrecision(6))} requests/s`;
  if (load.kind === "concurrency") return `concurrency ${load.concurrency}`;
  if (load.kind === "intervals") return `recorded intervals (${rate})`;
  return load.distribution === "poisson" ? `${rate} (poisson)` : rate;
}
