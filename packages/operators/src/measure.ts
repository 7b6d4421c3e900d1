import { type Block, endNs, gapCategory, type InferenceBlock, nsToSeconds } from "@strainflow/series";
import { type MonoTypeOperatorFunction, Observable } from "rxjs";

/** What passed one point of a pipeline so far. */
export interface Measurement {
  readonly name: string;
  /** Blocks seen. */
  readonly blocks: number;
  /** Seconds of data with values. */
  readonly dataSeconds: number;
  /** Seconds of gaps, by what they are. */
  readonly gapSeconds: Readonly<Record<"missing" | "not-ready" | "not-searched", number>>;
  /** GPS nanoseconds up to which the point is covered. */
  readonly coveredNs: bigint;
  /** Seconds of data per second of wall clock, since the previous report. */
  readonly rate: number;
  /** Wall-clock GPS minus the covered time, in seconds, where a clock was given. */
  readonly lag?: number;
}

export interface MeasureOptions {
  readonly report: (measurement: Measurement) => void;
  /** Milliseconds between two reports. Default 1000. One more comes at the end. */
  readonly everyMs?: number;
  /** GPS seconds now; only for live data does a lag mean anything. */
  readonly now?: () => number;
}

/**
 * Reports rate, lag and gaps at its point, and passes everything on untouched.
 *
 * ```
 * in    ──■──■──░──■──|
 *         measure("whitened", { report })
 * out   ──■──■──░──■──|
 * ```
 *
 * @example
 * ```ts
 * strain.pipe(whiten({ psdLength: 8 }), measure("whitened", { report: (m) => console.log(m.name, m.rate) }));
 * ```
 */
export function measure<B extends Block | InferenceBlock>(
  name: string,
  options: MeasureOptions,
): MonoTypeOperatorFunction<B> {
  const everyMs = options.everyMs ?? 1000;
  return (source) =>
    new Observable<B>((subscriber) => {
      let blocks = 0;
      let dataSeconds = 0;
      const gapSeconds = { missing: 0, "not-ready": 0, "not-searched": 0 };
      let coveredNs = 0n;
      let last = { at: performance.now(), seconds: 0 };
      const report = (now: number): void => {
        const seconds =
          dataSeconds + gapSeconds.missing + gapSeconds["not-ready"] + gapSeconds["not-searched"];
        const elapsed = (now - last.at) / 1000;
        const rate = elapsed > 0 ? (seconds - last.seconds) / elapsed : 0;
        last = { at: now, seconds };
        options.report({
          name,
          blocks,
          dataSeconds,
          gapSeconds: { ...gapSeconds },
          coveredNs,
          rate,
          ...(options.now === undefined ? {} : { lag: options.now() - nsToSeconds(coveredNs) }),
        });
      };
      return source.subscribe({
        next(block) {
          blocks++;
          const seconds = block.size / block.sampleRate;
          if (block.kind === "gap") gapSeconds[gapCategory(block.reason)] += seconds;
          else dataSeconds += seconds;
          coveredNs = endNs(block);
          const now = performance.now();
          if (now - last.at >= everyMs) report(now);
          subscriber.next(block);
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          report(performance.now());
          subscriber.complete();
        },
      });
    });
}
