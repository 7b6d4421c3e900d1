export {
  type ConnectOptions,
  connect,
  type ModelChoice,
  type ServerInfo,
  type TritonClient,
} from "./client.ts";
export type { EndOutcome } from "./end-sequence.ts";
export type { LostReason } from "./errors.ts";
export type { StreamLimits } from "./infer-call.ts";
export type { TritonModel } from "./model.ts";
export type { StreamingOverrides } from "./streaming-spec.ts";
export type { TransportOptions } from "./transport.ts";
