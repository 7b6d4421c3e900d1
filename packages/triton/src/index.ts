export type { CallOptions } from "./call-options.ts";
export type {
  InferOptions,
  ModelChoice,
  ModelQuery,
  ServerInfo,
  ServerStatus,
  TritonClient,
} from "./client.ts";
export { type ConnectOptions, connect } from "./connect.ts";
export type { StreamingOverrides } from "./discovery/streaming-spec.ts";
export type { LostReason } from "./errors.ts";
export type {
  GenerateAnswer,
  GenerateInput,
  GenerateOptions,
  GenerateOutput,
  GenerateRequest,
  Generating,
} from "./generate.ts";
export type { ModelRequest, ServedModel, TritonModel } from "./model.ts";
export type { IndexEntry, LoadOptions, RepositoryControl, UnloadOptions } from "./repository-control.ts";
export type {
  InferResult,
  InputValue,
  OutputChoice,
  ParameterValue,
  RequestTensor,
  SharedMemory,
  SharedTensor,
  TextTensor,
  TritonCall,
  TritonListener,
  TritonRequest,
} from "./request.ts";
export type { LogSettings, ServerSettings, TraceSettings } from "./server-settings.ts";
export type {
  CudaMemory,
  CudaRegion,
  SharedMemoryControl,
  SystemMemory,
  SystemRegion,
} from "./shared-memory.ts";
export type { EndOutcome } from "./streams/end-sequence.ts";
export type { StreamLimits } from "./streams/infer-call.ts";
export type { InferSession, SessionOptions, SessionRequestOptions } from "./streams/infer-session.ts";
export type { LatencyProfile } from "./streams/latency-profile.ts";
export { type ClassScore, parseClasses } from "./tensors/classes.ts";
export type { BearerToken, CredentialOptions } from "./transport/credentials.ts";
export type { HealthOptions } from "./transport/server-health.ts";
export type { Compression, TransportName, TransportOptions } from "./transport/transport.ts";
