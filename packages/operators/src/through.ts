import type { Flow, Step, StreamFormat } from "@strainflow/series";
import { Observable, type OperatorFunction } from "rxjs";
import { withFlow } from "./flow.ts";

/** What every block and event has, and all that the adapter needs of one. */
interface Flowing {
  readonly sampleRate: number;
  readonly channels?: readonly string[];
  readonly flow?: Flow;
}

/**
 * Makes an RxJS operator of a step.
 *
 * The step is created for each subscription when the first block arrives, from that block's rate and channels. When the
 * source completes, the step is flushed; when it fails, or the step throws, the error goes on and nothing is flushed.
 * Output blocks are handed the flow of the input, so that a source behind any number of steps still feels back-pressure.
 *
 * ```
 * in    ──■──■──■──|
 *         through(createStep)
 * out   ──────□──□─□|
 * ```
 *
 * @param create makes the step; throws a tagged error if its options do not fit the stream
 *
 * @example
 * ```ts
 * source.pipe(through(({ sampleRate, channels }) => createIntegrate({ sampleRate, channels, integrationLength: 1 })));
 * ```
 */
export function through<I extends Flowing, O extends object>(
  create: (format: StreamFormat) => Step<I, O>,
): OperatorFunction<I, O> {
  return (source) =>
    new Observable<O>((subscriber) => {
      let step: Step<I, O> | undefined;
      let flow: Flow | undefined;
      const emit = (outputs: readonly O[]): void => {
        for (const output of outputs) {
          if (subscriber.closed) return;
          subscriber.next(
            flow === undefined || "flow" in output || !("size" in output) ? output : withFlow(output, flow),
          );
        }
      };
      return source.subscribe({
        next(input) {
          try {
            step ??= create({ sampleRate: input.sampleRate, channels: input.channels ?? [] });
            flow = input.flow ?? flow;
            emit(step.push(input));
          } catch (error) {
            subscriber.error(error);
          }
        },
        error: (error: unknown) => subscriber.error(error),
        complete() {
          try {
            if (step !== undefined) emit(step.flush());
          } catch (error) {
            subscriber.error(error);
            return;
          }
          subscriber.complete();
        },
      });
    });
}
