import type { Tensor, TensorSpec } from "./tensor.ts";

/** The place of a request in its sequence. A sequence belongs to its id, not to a connection. */
export interface SequenceControl {
  /** Never 0 and never empty: Triton takes both to mean "none". */
  readonly id: bigint | string;
  /** First of its sequence: every state begins anew. */
  readonly start: boolean;
  /** Last of its sequence: its slot is free again. */
  readonly end: boolean;
}

export interface InferRequest {
  /** Comes back with the response. Unique among what is in flight. */
  readonly id: string;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly sequence?: SequenceControl;
  /** Names of the outputs wanted; all of them when absent. */
  readonly outputs?: readonly string[];
}

/** The answer to one request: outputs, or why there are none. A refused request does not end the stream. */
export interface InferResponse {
  readonly id: string;
  readonly outputs: Readonly<Record<string, Tensor>>;
  readonly error?: Error;
}

/** Who is told what a stream brings. Calls come one at a time and never from inside `send`. */
export interface InferListener {
  /** In request order. */
  response(response: InferResponse): void;
  /** `send` may go on after it had answered `false`. */
  drain?(): void;
  /** The stream is lost: nothing more will come, and what was in flight has no answer. */
  lost(error: Error): void;
  /** The other side has answered everything and closed. */
  closed?(): void;
}

export interface InferCall {
  /** Sends a request. `false`: wait for `drain` before the next one. */
  send(request: InferRequest): boolean;
  /** No more requests; responses still due will come, then `closed`. */
  end(): void;
  /** Gives the stream up at once. No listener is called after it. */
  cancel(): void;
}

/**
 * How sequences reach a model: one ordered, bidirectional call.
 *
 * The gRPC client, the embedded server in-process, a recorded run and a test's fake all satisfy it.
 */
export interface InferStream {
  /** Opens a call. Failure to connect is told to `listener.lost`. */
  open(listener: InferListener): InferCall;
}

/** An input that takes some of a stream's channels. */
export interface StreamPart {
  /** `[1, channels, strideSize × batchSize]`. */
  readonly input: TensorSpec;
  readonly channels: readonly string[];
}

/** What a model says about streaming; from its configuration's parameters (`strainflow.*`) or from its states. */
export interface StreamingSpec {
  /** The input that takes the update: `[1, channels, strideSize × batchSize]`, or `[streams, channels, …]`. */
  readonly input: TensorSpec;
  /**
   * Where several inputs take the stream: each with its channels, which together are `channels`, in order. `input` is
   * the first of them then.
   */
  readonly parts?: readonly StreamPart[];
  /**
   * How an update lies in `input`. Default "samples": one after the other, `[1, channels, strideSize × batchSize]`.
   * "strides": side by side, `[batchSize, channels, strideSize]`, for models that score each stride by itself.
   */
  readonly layout?: "samples" | "strides";
  /** Hz of the stream. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** Samples between two outputs. */
  readonly strideSize: number;
  /** Strides per request. */
  readonly batchSize: number;
  /** Output samples per stride: 1 for a network that scores a window, U for an average over updates of U samples. */
  readonly updateSize: number;
  /**
   * How far back the state reaches, in samples of the stream: the output of stride `[a, a + strideSize)` depends on
   * `[a − memory, a + strideSize)`. A snapshotter of snapshots L has `L − strideSize`; an average over N updates of U
   * samples behind it adds `(N − 1)·U`.
   */
  readonly memory: number;
  /**
   * The output of stride `[a, a + strideSize)` stands for the stretch that begins at `a − latency`;
   * a whole number of strides.
   */
  readonly latency: number;
}

/** A model that a pipeline can push a stream through. */
export interface StreamingModel extends InferStream {
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly streaming: StreamingSpec;
}
