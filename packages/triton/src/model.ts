import type { ModelConfig } from "@strainflow/proto";
import type {
  InferCall,
  InferListener,
  InferRequest,
  InferResponse,
  StreamingModel,
  StreamingSpec,
  TensorSpec,
} from "@strainflow/series";
import { type EndOutcome, endSequence } from "./end-sequence.ts";
import type { FramedMessage } from "./grpc-frames.ts";
import { openInferCall, type StreamLimits } from "./infer-call.ts";
import { createRequestEncoder } from "./request-encoder.ts";
import { createResponseDecoder } from "./response-decoder.ts";
import type { TransportPool } from "./transport-pool.ts";
import { callRaw } from "./unary.ts";

/** A model on a server, ready to be streamed to. */
export interface TritonModel extends StreamingModel {
  readonly config: ModelConfig;
  /**
   * Opens one bidirectional `ModelStreamInfer` call.
   *
   * `listener.lost` gets `stream-lost`; a response's `error` is `infer-refused`, or `malformed-response` where outputs do
   * not fit their shapes. `send` throws `invalid-request`.
   */
  open(listener: InferListener): InferCall;
  /**
   * One request and its response, outside of any stream.
   *
   * @throws `rpc-failed`, `model-not-found`, `server-unavailable`, `malformed-response`, `invalid-request`
   */
  infer(request: InferRequest): Promise<InferResponse>;
  /**
   * Ends a sequence whose stream was lost, on a connection of today. Never rejects; how it went is the result.
   *
   * @param timeoutMs default 5000: a slot that is not freed by then is left to the server's idle time
   */
  endSequence(id: bigint | string, timeoutMs?: number): Promise<EndOutcome>;
}

interface ModelOptions {
  readonly pool: TransportPool;
  readonly name: string;
  /** As asked for: empty leaves the choice to the server. */
  readonly requestedVersion: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly config: ModelConfig;
  readonly streaming: StreamingSpec;
  readonly limits: StreamLimits;
  readonly callTimeoutMs: number;
}

export function createModel(options: ModelOptions): TritonModel {
  const { pool, name, requestedVersion, version, inputs, outputs, config, streaming, limits } = options;
  const encoder = () => createRequestEncoder(name, requestedVersion);
  return {
    name,
    version,
    inputs,
    outputs,
    config,
    streaming,
    open: (listener) =>
      openInferCall({
        transport: pool.next(),
        modelName: name,
        encoder: encoder(),
        decoder: createResponseDecoder(),
        limits,
        listener,
      }),
    infer: (request) => inferOnce(pool, encoder().encode(request), options.callTimeoutMs),
    endSequence: (sequenceId, timeoutMs = 5000) =>
      endSequence({
        transport: pool.first(),
        encoder: encoder(),
        inputs: inputs.map((input) => (input.name === streaming.input.name ? streaming.input : input)),
        sequenceId,
        timeoutMs,
      }),
  };
}

/** One request and its response. */
export async function inferOnce(
  pool: TransportPool,
  request: FramedMessage,
  timeoutMs: number,
): Promise<InferResponse> {
  const message = await callRaw(pool.first(), "ModelInfer", request, timeoutMs);
  const { id, outputs, error } = createResponseDecoder().unary(message);
  if (error !== undefined) throw error;
  return { id, outputs };
}
