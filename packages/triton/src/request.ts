import type {
  Datatype,
  InferCall,
  InferListener,
  InferResponse,
  SequenceControl,
  Tensor,
  TensorData,
} from "@strainflow/series";

/** A value of a request's or response's parameter. Whole numbers travel as int64, others as double. */
export type ParameterValue = boolean | string | number | bigint;

/** A tensor of byte strings, of which some or all are text (sent as UTF-8). */
export interface TextTensor {
  readonly datatype: "BYTES";
  readonly shape: readonly number[];
  readonly data: readonly (string | Uint8Array)[];
}

/** A part of a shared memory region that is registered with the server. */
export interface SharedMemory {
  readonly region: string;
  /** Bytes. */
  readonly byteSize: number;
  /** Bytes from the region's beginning. Default 0. */
  readonly offset?: number;
}

/** A tensor that lies in shared memory, and is not sent. */
export interface SharedTensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly sharedMemory: SharedMemory;
}

export type RequestTensor = Tensor | TextTensor | SharedTensor;

/**
 * An input of a model whose tensors are known: a tensor, or its elements alone. Elements alone take the model's datatype
 * (Float32Array and Float64Array are rounded for an FP16 or BF16 input) and its shape, in which the one size that the
 * model leaves open (−1) is taken from their number.
 */
export type InputValue = RequestTensor | TensorData | readonly string[];

/** An output that is asked for. */
export interface OutputChoice {
  readonly name: string;
  /**
   * Classification: instead of the values, the highest `classes` of them, as BYTES `value:index:label`. See
   * `parseClasses`.
   */
  readonly classes?: number;
  /** Where the server is to put it: the response has no values then. */
  readonly sharedMemory?: SharedMemory;
}

/** One request to a model. */
export interface TritonRequest {
  /** Comes back with the response. On a stream, unique among what is in flight. */
  readonly id: string;
  readonly inputs: Readonly<Record<string, RequestTensor>>;
  /** Outputs wanted; all of them when absent. */
  readonly outputs?: readonly (string | OutputChoice)[];
  readonly sequence?: SequenceControl;
  /** 1 is the highest, 0 and absent the model's default; only for models with priority levels. */
  readonly priority?: number;
  /**
   * Milliseconds that the request may wait in the *server's* queue (Triton's parameter `timeout`, which other clients
   * call so too, though nothing that is being computed or sent ends by it). What happens then is the model's queue
   * policy. Default: the model's. For a limit on the whole call, see `timeoutMs`.
   */
  readonly queueTimeoutMs?: number;
  /** Other parameters, for models that read them. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
}

/** A response, with what the server says beside the outputs. */
export interface InferResult extends InferResponse {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** No other response to the same request comes after it. `false` only from decoupled models. */
  readonly final: boolean;
}

/** Who is told what a stream to Triton brings. */
export interface TritonListener extends InferListener {
  /**
   * Whether outputs are looked at during `response` only, and copied where they are kept: then all answers may come in the
   * same memory. Default `false`: they are valid for ever. What it saves is the collector's work, which grows with the
   * bytes of answers: at 16 KiB each, 40 µs of CPU per update over "frames"; the other transports take no notice.
   */
  readonly borrows?: boolean;
  /** In request order (not those of decoupled models). */
  response(response: InferResult): void;
}

/** A stream to Triton. */
export interface TritonCall extends InferCall {
  send(request: TritonRequest): boolean;
}
