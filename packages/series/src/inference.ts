import type { Flow } from "./flow.ts";
import type { Tensor } from "./tensor.ts";
import type { Gap } from "./time-series.ts";

/**
 * What a model gave for a stretch of a stream: `size` outputs in a row, one per stride.
 *
 * Output `i` stands for the instant, and stride, that begins at sample `start + i` of the output rate.
 */
export interface Inference {
  readonly kind: "inference";
  /** Index of the first output, counted from the GPS epoch at `sampleRate`. */
  readonly start: number;
  /** Number of outputs. */
  readonly size: number;
  /** Outputs per second: the stream's rate over the model's stride. */
  readonly sampleRate: number;
  /** Channels of the stream that went in. */
  readonly channels: readonly string[];
  /** The model's outputs; the first dimension of each is `size`. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly flow?: Flow;
}

/** What leaves `inferSequence`: outputs, or gaps with their reasons, without a hole in time. */
export type InferenceBlock = Inference | Gap<"inference">;
