import { type EventItem, type InferUnary, invalidOption, type Tensor } from "@strainflow/series";
import type { EventFailureReason } from "./event-attempt.ts";
import { createRetrier } from "./event-retry.ts";
import type { EventTimings } from "./event-timings.ts";
import { runWindow } from "./event-window.ts";

export interface InferEventsOptions {
  /** Name of the model. */
  readonly model: string;
  /** Default: whichever version the server serves by default. */
  readonly version?: string;
  /** Outputs to ask for. Default: all that the model has. */
  readonly outputs?: readonly string[];
  /** Requests under way at once. Default 8: enough to hide a network's round trip behind the model's work. */
  readonly concurrency?: number;
  /**
   * Milliseconds that one event may take, in the server's queue and in the model. Default 30 000: longer than any event
   * of a detector is worth. An event that takes longer is skipped, and reported.
   */
  readonly timeoutMs?: number;
  /** Bytes of requests under way at once; a larger event goes alone. Default 64 MiB. */
  readonly maxInFlightBytes?: number;
  /**
   * `"input"` (default): outcomes come in the order of the events; behind a slow one at most 4 × `concurrency` are held.
   * `"completion"`: as they are there.
   */
  readonly order?: "input" | "completion";
  /** How often the server may go away under one event until that is taken for its fault (`lost`). Default 3. */
  readonly attempts?: number;
  /** How long a lost server may stay away before the whole fails, in ms. Default 60 000. */
  readonly giveUpAfterMs?: number;
  /** Where times are kept, under {@link deployment}. Default: nowhere. */
  readonly timings?: EventTimings;
  /** Row of the timing table. Default: the model's name, and its version where one was asked for. */
  readonly deployment?: string;
  /** Gives everything up. */
  readonly signal?: AbortSignal;
}

/** What became of an event. */
export type EventOutcome =
  | {
      readonly kind: "inferred";
      readonly id: string;
      readonly index: number;
      readonly outputs: Readonly<Record<string, Tensor>>;
      /** From the request that was answered, or the first one if several were needed, to the answer. */
      readonly latencyMs: number;
    }
  | {
      readonly kind: "failed";
      readonly id: string;
      readonly index: number;
      readonly reason: EventFailureReason;
      readonly error: Error;
      readonly latencyMs: number;
    };

/**
 * Infers events, each in a request of its own: independent of one another, as many at once as `concurrency` and
 * `maxInFlightBytes` allow, none of them able to hold up the rest.
 *
 * In: records with ragged tensors, as `openEventTable` of `@strainflow/hdf5` reads them. Out: one outcome per event. A
 * bad event (unreadable, refused, hanging) is an outcome that says so, and the others go on. It is pulled: no event is
 * taken from the source before there is room for it, and none while nobody asks for outcomes. RxJS's `from` takes it.
 *
 * A server that goes away costs time only: requests keep no state there, so events without an answer are sent again.
 * Ending the iteration early gives up what is under way.
 *
 * @throws from the iteration: `server-lost` (away for `giveUpAfterMs`), and what the source throws
 * @throws `invalid-option`
 *
 * @example
 * ```ts
 * const infer = inferEvents(client, { model: "nugraph", timeoutMs: 2000 });
 * for await (const outcome of infer(await openEventTable("neutrinos.h5"))) {
 *   if (outcome.kind === "failed") console.error(outcome.id, outcome.reason, outcome.error.message);
 * }
 * ```
 */
export function inferEvents(
  server: InferUnary,
  options: InferEventsOptions,
): (events: AsyncIterable<EventItem> | Iterable<EventItem>) => AsyncIterable<EventOutcome> {
  const { model, version, outputs, order = "input", timings } = options;
  const { concurrency = 8, timeoutMs = 30_000, maxInFlightBytes = 64 * 2 ** 20 } = options;
  const { attempts = 3, giveUpAfterMs = 60_000 } = options;
  const whole = (option: string, value: number): void => {
    if (!Number.isInteger(value) || value < 1)
      throw invalidOption("inferEvents", option, value, "a whole number ≥ 1");
  };
  whole("concurrency", concurrency);
  whole("maxInFlightBytes", maxInFlightBytes);
  whole("attempts", attempts);
  // Node's timers wrap around beyond this.
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31))
    throw invalidOption("inferEvents", "timeoutMs", timeoutMs, "above 0 and below 2^31 ms");
  if (!(giveUpAfterMs >= 0))
    throw invalidOption("inferEvents", "giveUpAfterMs", giveUpAfterMs, "a number of ms ≥ 0");
  if (order !== "input" && order !== "completion")
    throw invalidOption("inferEvents", "order", order, '"input" or "completion"');
  const deployment = options.deployment ?? (version === undefined ? model : `${model}/${version}`);

  return (events) => ({
    [Symbol.asyncIterator]() {
      const send = createRetrier(server, {
        modelName: model,
        timeoutMs,
        attempts,
        giveUpAfterMs,
        ...(version === undefined ? {} : { version }),
        ...(outputs === undefined ? {} : { outputs }),
      });

      async function run(item: EventItem, signal: AbortSignal): Promise<EventOutcome> {
        const { id, index } = item;
        if (item.kind === "unreadable") {
          timings?.record(deployment, "unreadable");
          return { kind: "failed", id, index, reason: "unreadable", error: item.error, latencyMs: 0 };
        }
        const startMs = performance.now();
        const attempt = await send(item, signal);
        const endMs = performance.now();
        const latencyMs = endMs - startMs;
        timings?.record(deployment, "outputs" in attempt ? "inferred" : attempt.reason, startMs, endMs);
        return "outputs" in attempt
          ? { kind: "inferred", id, index, outputs: attempt.outputs, latencyMs }
          : { kind: "failed", id, index, ...attempt, latencyMs };
      }

      return runWindow(
        events,
        {
          concurrency,
          maxWeight: maxInFlightBytes,
          weightOf: byteSize,
          maxHeld: 4 * concurrency,
          ordered: order === "input",
          run,
        },
        options.signal,
      );
    },
  });
}

function byteSize(item: EventItem): number {
  if (item.kind === "unreadable") return 0;
  let bytes = 0;
  for (const { data } of Object.values(item.inputs))
    bytes += ArrayBuffer.isView(data)
      ? data.byteLength
      : data.reduce((sum, element) => sum + element.byteLength + 4, 0);
  return bytes;
}
