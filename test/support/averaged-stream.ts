import { inferSequence, type Recovery, reassemble } from "@strainflow/operators";
import type { Block, StreamingModel } from "@strainflow/series";
import { createRandom } from "@strainflow/waveforms";
import { from, lastValueFrom, type Observable, takeUntil, tap, toArray } from "rxjs";
import { averaging } from "./averaging-ensemble.ts";
import { outputBytes } from "./output-bytes.ts";

/** Requests under way at once. */
export const IN_FLIGHT = 6;

/** Seconds that the data run ahead of the output: more than is in flight, and little enough to be called streamed. */
const AHEAD = 4;

/** One second of a stream's noise, the same at every call. */
export function noiseSecond(stream: string, index: number): Block {
  const { sampleRate, channels } = averaging;
  const random = createRandom(stream, index);
  return {
    kind: "series",
    quantity: "whitened",
    start: (1_000_000_000 + index) * sampleRate,
    size: sampleRate,
    sampleRate,
    channels,
    data: channels.map(() => {
      const data = new Float64Array(sampleRate);
      random.fillGaussian(data);
      return data;
    }),
  };
}

export interface AveragedStreamOptions {
  /** Name of the noise. */
  readonly stream: string;
  /** Whether there is another second after so many: asked when its turn comes. */
  readonly hasMore: (seconds: number) => boolean;
  /** Told how many samples of output there are. */
  readonly onOutput?: (samples: number) => void;
  readonly onLoss?: (error: Error) => void;
  readonly onRecovery?: (recovery: Recovery) => void;
  /** An error ends the stream. */
  readonly stop?: Observable<never>;
}

export interface AveragedStream {
  readonly seconds: number;
  readonly bytes: Buffer;
  readonly recoveries: readonly Recovery[];
}

/** Streams noise through the averaging ensemble, no faster than its output comes. */
export async function averagedStream(
  model: StreamingModel,
  options: AveragedStreamOptions,
): Promise<AveragedStream> {
  const { stream, hasMore, onOutput, onLoss, onRecovery, stop } = options;
  const recoveries: Recovery[] = [];
  let seconds = 0;
  let samples = 0;
  let wake: () => void = () => undefined;

  async function* source(): AsyncGenerator<Block> {
    while (hasMore(seconds)) {
      yield noiseSecond(stream, seconds++);
      while (samples < (seconds - AHEAD) * averaging.sampleRate)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }

  const output = from(source()).pipe(
    inferSequence(model, {
      maxInFlight: IN_FLIGHT,
      ...(onLoss === undefined ? {} : { onLoss }),
      onRecovery(recovery) {
        recoveries.push(recovery);
        onRecovery?.(recovery);
      },
    }),
    reassemble(),
    tap((block) => {
      samples += block.size;
      onOutput?.(samples);
      wake();
    }),
  );
  const blocks = await lastValueFrom(
    (stop === undefined ? output : output.pipe(takeUntil(stop))).pipe(toArray()),
  );
  return { seconds, bytes: outputBytes(blocks), recoveries };
}

/** Updates that a new sequence needs to reach the state of an old one. */
export function memoryUpdates(model: StreamingModel): number {
  const { strideSize, batchSize, memory } = model.streaming;
  return Math.ceil(memory / (strideSize * batchSize));
}
