import type { Block, Quantity } from "@strainflow/series";
import { Observable, type OperatorFunction, Subject } from "rxjs";

/**
 * Applies an operator to each channel's stream by itself, where the streams of several come interleaved.
 *
 * In: blocks of single channels, each channel contiguous in itself. Out: what the operators give, interleaved as it comes.
 *
 * @param operator made anew for each channel
 *
 * @example
 * ```ts
 * fromReader(source.readers.values()).pipe(perChannel(() => resample({ sampleRate: 2048 })), align({ ifos: ["H1", "L1"] }));
 * ```
 */
export function perChannel<Q extends Quantity, R extends Quantity>(
  operator: (channel: string) => OperatorFunction<Block<Q>, Block<R>>,
): OperatorFunction<Block<Q>, Block<R>> {
  return (source) =>
    new Observable<Block<R>>((subscriber) => {
      const lanes = new Map<string, Subject<Block<Q>>>();
      let open = 1;
      const close = (): void => {
        if (--open === 0) subscriber.complete();
      };
      function lane(channel: string): Subject<Block<Q>> {
        const known = lanes.get(channel);
        if (known !== undefined) return known;
        const fresh = new Subject<Block<Q>>();
        lanes.set(channel, fresh);
        open++;
        subscriber.add(
          fresh.pipe(operator(channel)).subscribe({
            next: (block) => subscriber.next(block),
            error: (error: unknown) => subscriber.error(error),
            complete: close,
          }),
        );
        return fresh;
      }
      subscriber.add(
        source.subscribe({
          next: (block) => lane(block.channels.join(",")).next(block),
          error: (error: unknown) => subscriber.error(error),
          complete() {
            for (const subject of lanes.values()) subject.complete();
            close();
          },
        }),
      );
    });
}
