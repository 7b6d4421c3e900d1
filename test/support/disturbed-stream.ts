import { setTimeout as sleep } from "node:timers/promises";
import type { StreamingModel } from "@strainflow/series";
import { Subject } from "rxjs";
import { type AveragedStream, averagedStream } from "./averaged-stream.ts";
import { averaging } from "./averaging-ensemble.ts";
import { type WatchedModel, watchModel } from "./watched-model.ts";

/** A stream under way, as those see it who disturb it. */
export interface Disturbed {
  /** Resolves when so many more samples of output are there. */
  progress(samples: number, what: string): Promise<void>;
  /** Resolves when the condition holds. @throws where it does not within a minute and a half, or the stream is over */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Times that the stream was lost, a loss within a recovery not counted. */
  readonly losses: () => number;
  /** Times that it went on. */
  readonly recoveries: () => number;
}

export interface DisturbedStream extends AveragedStream {
  readonly watched: WatchedModel;
  /** Of the same data, and nobody disturbed it. */
  readonly undisturbed: AveragedStream;
}

const LIMIT_MS = 90_000;
/** Seconds of data after the last disturbance: all that it could have touched comes out. */
const AFTER = 8;

/**
 * Streams noise through the averaging ensemble for as long as `disturb` takes, and then the same noise again through
 * `calm`: the same model, on a way that nobody disturbs.
 */
export async function disturbedStream(
  stream: string,
  model: StreamingModel,
  calm: StreamingModel,
  disturb: (stream: Disturbed) => Promise<void>,
): Promise<DisturbedStream> {
  const watched = watchModel(model);
  const stop = new Subject<never>();
  let [samples, losses, recoveries] = [0, 0, 0];
  let over: string | undefined;
  let last: number | undefined;

  async function until(condition: () => boolean, what: string): Promise<void> {
    for (const started = performance.now(); !condition(); await sleep(2)) {
      if (over !== undefined) throw new Error(`the stream was over (${over}) while waiting for ${what}`);
      if (performance.now() - started > LIMIT_MS) throw new Error(`waited in vain for ${what}`);
    }
  }

  const running = averagedStream(watched.model, {
    stream,
    stop,
    hasMore: (seconds) => last === undefined || seconds < last,
    onOutput: (now) => {
      samples = now;
    },
    onLoss: () => {
      losses++;
    },
    onRecovery: () => {
      recoveries++;
    },
  }).finally(() => {
    over = "its end or an error";
  });
  const disturbing = disturb({
    progress: (more, what) => {
      const goal = samples + more;
      return until(() => samples >= goal, what);
    },
    until,
    losses: () => losses,
    recoveries: () => recoveries,
  }).then(
    () => {
      last = Math.ceil(samples / averaging.sampleRate) + AFTER;
    },
    (error: unknown) => stop.error(error),
  );
  const disturbed = await running;
  await disturbing;
  const undisturbed = await averagedStream(calm, {
    stream,
    hasMore: (seconds) => seconds < disturbed.seconds,
  });
  return { ...disturbed, watched, undisturbed };
}
