import {
  type Block,
  checkContinues,
  endOf,
  type Flow,
  type GapReason,
  invalidOption,
  type Quantity,
  type SampleArray,
  StrainflowError,
  sliceBlock,
} from "@strainflow/series";
import { Observable, type OperatorFunction } from "rxjs";
import { joinFlows } from "./flow.ts";
import { perChannel } from "./per-channel.ts";
import { resample } from "./resample.ts";

export interface AlignOptions {
  /** The detectors wanted, in the order of the channels that come out. */
  readonly ifos: readonly string[];
  /**
   * Hz that all detectors are brought to first; needed where they come at different rates. Default: they are taken as they
   * come, and have to have one rate.
   */
  readonly sampleRate?: number;
  /**
   * Seconds of data that one detector may be behind the most advanced one before it is given up for that time and its
   * data, should they still come, are counted as late. Default: no limit, which is right for files.
   */
  readonly maxSkew?: number;
  /** Told of data that came after their time had gone out as a gap. */
  readonly onLate?: (late: {
    readonly ifo: string;
    readonly samples: number;
    readonly start: number;
  }) => void;
}

interface Lane {
  readonly ifo: string;
  queue: Block[];
  last: Block | undefined;
}

/**
 * Makes one stream of several detectors' streams.
 *
 * In: blocks of single channels, interleaved in any way, each channel contiguous in itself, with starts, gaps and (if
 * `sampleRate` is given) rates of their own. Out: blocks of all `ifos`; time begins with the first detector's data and ends
 * with the last one's. Where a detector has no data, what comes out is a gap of all, with the reason of the first that
 * is missing and the names in `detail`: a coincident search has nothing to search there.
 *
 * Errors: `align-rates` (detectors at different rates), `unknown-channel`, `not-contiguous`.
 *
 * @example
 * ```ts
 * fromReader(source.readers.values()).pipe(align({ ifos: ["H1", "L1"], sampleRate: 2048 }));
 * ```
 */
export function align(
  options: AlignOptions & { readonly sampleRate: number },
): OperatorFunction<Block<"strain">, Block<"strain">>;
export function align<Q extends Quantity>(
  options: AlignOptions & { readonly sampleRate?: never },
): OperatorFunction<Block<Q>, Block<Q>>;
export function align(options: AlignOptions): OperatorFunction<Block<"strain">, Block<"strain">> {
  const { sampleRate } = options;
  if (sampleRate === undefined) return sideBySide(options);
  return (source) =>
    source.pipe(
      perChannel(() => resample({ sampleRate })),
      sideBySide(options),
    );
}

function sideBySide<Q extends Quantity>(options: AlignOptions): OperatorFunction<Block<Q>, Block<Q>> {
  const { ifos } = options;
  if (ifos.length === 0 || new Set(ifos).size !== ifos.length)
    throw invalidOption("align", "ifos", `[${ifos.join(", ")}]`, "at least one detector, each named once");
  const maxSkew = options.maxSkew ?? Number.POSITIVE_INFINITY;

  return (source) =>
    new Observable<Block<Q>>((subscriber) => {
      const lanes = new Map<string, Lane>(ifos.map((ifo) => [ifo, { ifo, queue: [], last: undefined }]));
      const flows = new Set<Flow>();
      let flow: Flow | undefined;
      let quantity: Q | undefined;
      let sampleRate = 0;
      /** First sample that has not gone out. */
      let next: number | undefined;

      function take(block: Block<Q>): void {
        if (block.flow !== undefined && !flows.has(block.flow)) {
          flows.add(block.flow);
          flow = joinFlows(flows);
        }
        quantity ??= block.quantity;
        if (sampleRate === 0) sampleRate = block.sampleRate;
        if (block.sampleRate !== sampleRate)
          throw new StrainflowError(
            "align-rates",
            `align: ${block.channels.join(", ")} comes at ${block.sampleRate} Hz and the others at ${sampleRate} Hz; ` +
              "give align a sampleRate, to which all are brought",
            { details: { channels: block.channels, sampleRate: block.sampleRate, expected: sampleRate } },
          );
        block.channels.forEach((channel, index) => {
          const lane = lanes.get(channel);
          if (lane === undefined) return;
          const single: Block<Q> =
            block.kind === "gap"
              ? { ...block, channels: [channel] }
              : { ...block, channels: [channel], data: [block.data[index]!] };
          checkContinues(`align, ${channel}`, lane.last, single);
          lane.last = single;
          const late = next === undefined ? 0 : Math.min(next - single.start, single.size);
          if (late > 0 && single.kind === "series")
            options.onLate?.({ ifo: channel, samples: late, start: single.start });
          if (late < single.size)
            lane.queue.push(late > 0 ? sliceBlock(single, single.start + late, endOf(single)) : single);
        });
      }

      /** Where a lane's data end; what it has not begun yet counts as not there. */
      const laneEnd = (lane: Lane): number =>
        lane.last === undefined ? Number.NEGATIVE_INFINITY : endOf(lane.last);

      function emit(upTo: number): void {
        while (next !== undefined && next < upTo && !subscriber.closed) {
          let end = upTo;
          let reason: GapReason | undefined;
          const missing: string[] = [];
          const details: string[] = [];
          const data: SampleArray[] = [];
          for (const lane of lanes.values()) {
            while (lane.queue[0] !== undefined && endOf(lane.queue[0]) <= next) lane.queue.shift();
            const head = lane.queue[0];
            if (head !== undefined && head.start <= next) end = Math.min(end, endOf(head));
            else if (head !== undefined) end = Math.min(end, head.start);
            if (head !== undefined && head.start <= next && head.kind === "series") continue;
            const gap = head !== undefined && head.start <= next && head.kind === "gap" ? head : undefined;
            missing.push(lane.ifo);
            reason ??= gap?.reason ?? "missing";
            if (gap?.detail !== undefined) details.push(gap.detail);
          }
          const base = {
            quantity: quantity!,
            start: next,
            size: end - next,
            sampleRate,
            channels: ifos,
            ...(flow === undefined ? {} : { flow }),
          };
          if (reason === undefined) {
            for (const lane of lanes.values()) {
              const part = sliceBlock(lane.queue[0]!, next, end);
              if (part.kind === "series") data.push(part.data[0]!);
            }
            subscriber.next({ kind: "series", ...base, data });
          } else {
            subscriber.next({
              kind: "gap",
              ...base,
              reason,
              detail: [missing.join(", "), ...new Set(details)].join(": "),
            });
          }
          next = end;
        }
      }

      function frontier(): number | undefined {
        const ends = [...lanes.values()].map(laneEnd);
        const furthest = Math.max(...ends);
        if (furthest === Number.NEGATIVE_INFINITY) return undefined;
        const slowest = Math.min(...ends);
        const givenUp = Number.isFinite(maxSkew)
          ? furthest - Math.round(maxSkew * sampleRate)
          : Number.NEGATIVE_INFINITY;
        return Math.max(slowest, givenUp);
      }

      return source.subscribe({
        next(block) {
          try {
            take(block);
            const upTo = frontier();
            if (upTo === undefined || upTo === Number.NEGATIVE_INFINITY) return;
            next ??= Math.min(...[...lanes.values()].flatMap((lane) => lane.queue[0]?.start ?? []));
            emit(upTo);
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          const starts = [...lanes.values()].flatMap((lane) => lane.queue[0]?.start ?? []);
          if (starts.length > 0) {
            next ??= Math.min(...starts);
            emit(Math.max(...[...lanes.values()].map(laneEnd)));
          }
          subscriber.complete();
        },
      });
    });
}
