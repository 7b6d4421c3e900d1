import type { ModelConfig } from "@strainflow/proto";
import type { StreamingModel, StreamingSpec, TensorSpec } from "@strainflow/series";
import { type CallOptions, callLimits } from "./call-options.ts";
import type { InferResult, InputValue, TritonCall, TritonListener, TritonRequest } from "./request.ts";
import { type EndOutcome, endSequence } from "./streams/end-sequence.ts";
import type { StreamLimits } from "./streams/infer-call.ts";
import { inferMany } from "./streams/infer-many.ts";
import { type InferSession, openSession, type SessionOptions } from "./streams/infer-session.ts";
import { createLatencyBook, type LatencyProfile } from "./streams/latency-profile.ts";
import { requestTensors } from "./tensors/input-values.ts";
import type { Link, ModelTarget } from "./transport/link.ts";
import type { Servers } from "./transport/servers.ts";

/** A request whose inputs may be elements alone, and whose id may be left to us. */
export interface ModelRequest extends Omit<TritonRequest, "id" | "inputs"> {
  readonly id?: string;
  readonly inputs: Readonly<Record<string, InputValue>>;
}

/** A model on a server. */
export interface ServedModel {
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly config: ModelConfig;
  /** Whether one request may have any number of responses. */
  readonly decoupled: boolean;
  /**
   * Opens one bidirectional `ModelStreamInfer` call.
   *
   * `listener.lost` gets `stream-lost`; a response's `error` is `infer-refused`, or `malformed-response` where outputs do
   * not fit their shapes. `send` throws `invalid-request`.
   */
  open(listener: TritonListener): TritonCall;
  /**
   * One request and its response, outside of any stream.
   *
   * @throws `rpc-failed`, `model-not-found`, `server-unavailable`, `deadline-exceeded`, `aborted`, `sequence-lost`,
   *   `malformed-response`, `invalid-request`
   */
  infer(request: ModelRequest, options?: CallOptions): Promise<InferResult>;
  /**
   * One request and all of its responses, as they come: of a decoupled model any number, of others one. Leaving the loop
   * gives the rest up.
   *
   * @throws `infer-refused`, `stream-lost`, `deadline-exceeded`, `aborted`, `malformed-response`, `invalid-request`
   */
  inferMany(request: ModelRequest, options?: CallOptions): AsyncIterable<InferResult>;
  /** Opens a stream with a promise for each request, in one sequence or in none. */
  openSession(options?: SessionOptions): InferSession;
  /** How long answers on streams took: of all, or of one of the last 256 sequences. */
  latency(sequenceId?: bigint | string): LatencyProfile | undefined;
  /**
   * Ends a sequence whose stream was lost, on a connection of today. Never rejects; how it went is the result.
   *
   * @param timeoutMs default 5000: a slot that is not freed by then is left to the server's idle time
   */
  endSequence(id: bigint | string, timeoutMs?: number): Promise<EndOutcome>;
}

/** A model on a server that a stream can be pushed through. */
export interface TritonModel extends ServedModel, StreamingModel {
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  open(listener: TritonListener): TritonCall;
}

interface ModelOptions {
  readonly servers: Servers;
  readonly name: string;
  /** As asked for: empty leaves the choice to the server. */
  readonly requestedVersion: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly config: ModelConfig;
  readonly streaming?: StreamingSpec;
  readonly limits: StreamLimits;
  readonly callTimeoutMs: number;
}

export function createModel(options: ModelOptions & { readonly streaming: StreamingSpec }): TritonModel;
export function createModel(options: ModelOptions): ServedModel;
export function createModel(options: ModelOptions): ServedModel {
  const { servers, name, requestedVersion, version, inputs, outputs, config, streaming, limits } = options;
  const decoupled = config.modelTransactionPolicy?.decoupled ?? false;
  const latencies = createLatencyBook();
  const target: ModelTarget = { name, version: requestedVersion, decoupled, latencies };
  const streamed = streaming === undefined ? [] : [streaming.input, ...partsOf(streaming)];
  const updates = inputs.map((input) => streamed.find(({ name: each }) => each === input.name) ?? input);
  let made = 0;

  const end = (link: Link, sequenceId: bigint | string, timeoutMs: number): Promise<EndOutcome> =>
    endSequence({ link, target, inputs: updates, sequenceId, timeoutMs });

  const open = (listener: TritonListener): TritonCall =>
    servers.open(
      target,
      limits,
      listener,
      async (link, sequenceId) => (await end(link, sequenceId, END_ELSEWHERE_MS)) !== "failed",
    );

  const complete = (request: ModelRequest): TritonRequest => ({
    ...request,
    id: request.id ?? `${++made}`,
    inputs: requestTensors(name, inputs, request.inputs),
  });

  return {
    name,
    version,
    inputs,
    outputs,
    config,
    decoupled,
    ...(streaming === undefined ? {} : { streaming }),
    open,
    infer: async (request, callOptions) =>
      servers.infer(target, complete(request), callLimits(callOptions, options.callTimeoutMs)),
    inferMany: (request, callOptions) => inferMany(name, open, () => complete(request), callOptions),
    openSession: (sessionOptions) =>
      openSession(
        { modelName: name, inputs: updates, open, isSequenced: isSequenced(config) },
        sessionOptions ?? {},
      ),
    latency: (sequenceId) => latencies.profile(sequenceId),
    endSequence: (sequenceId, timeoutMs = 5000) =>
      end(servers.holderOf(target, sequenceId), sequenceId, timeoutMs),
  };
}

/** An END for a sequence on a server that was lost is tried at each of its health checks until it goes through. */
const END_ELSEWHERE_MS = 2000;

function partsOf({ parts = [] }: StreamingSpec): readonly TensorSpec[] {
  return parts.map(({ input }) => input);
}

/** Whether a model batches sequences itself; of an ensemble nothing can be told from its own configuration. */
function isSequenced({ schedulingChoice }: ModelConfig): boolean {
  return schedulingChoice.case === "sequenceBatching";
}
