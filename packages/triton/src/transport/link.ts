import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { CallLimits } from "../call-options.ts";
import type { GenerateAnswer, GenerateRequest } from "../generate.ts";
import type { InferResult, TritonCall, TritonListener, TritonRequest } from "../request.ts";
import type { StreamLimits } from "../streams/infer-call.ts";
import type { LatencyBook } from "../streams/latency-profile.ts";
import type { UnaryMethod } from "./unary.ts";

/** A model as requests name it. */
export interface ModelTarget {
  readonly name: string;
  /** Empty: the server chooses. */
  readonly version: string;
  /** Responses are apart from requests: none, one or many to each. */
  readonly decoupled: boolean;
  readonly latencies?: LatencyBook;
}

/** One server, reached by one protocol. */
export interface Link {
  readonly address: string;
  /** @throws `server-unavailable` if nobody answers within `limitMs` */
  ready(limitMs: number): Promise<void>;
  /** One of the methods of Triton's gRPC services, by whatever protocol. */
  call<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    request: MessageInitShape<I>,
    limits: CallLimits,
  ): Promise<MessageShape<O>>;
  infer(target: ModelTarget, request: TritonRequest, limits: CallLimits): Promise<InferResult>;
  /** Triton's `generate`, which is there by HTTP only. */
  generate?(target: ModelTarget, request: GenerateRequest, limits: CallLimits): Promise<GenerateAnswer>;
  /** Its `generate_stream`; `timeoutMs` is how long each answer may take. */
  generateStream?(
    target: ModelTarget,
    request: GenerateRequest,
    limits: CallLimits,
  ): AsyncGenerator<GenerateAnswer, void, undefined>;
  /** @throws `no-streams` where the protocol has none */
  open(target: ModelTarget, limits: StreamLimits, listener: TritonListener): TritonCall;
  close(): void;
}
