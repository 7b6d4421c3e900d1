export type { AccessRole, AccessToken, TlsFiles } from "./access.ts";
export type { InProcessListener, InProcessModel, InProcessResponse } from "./in-process.ts";
export type { ModelControlMode } from "./models/model-repository.ts";
export { Refusal, type StatusCode } from "./refusal.ts";
export {
  createServer,
  type InferenceServer,
  type ServedModel,
} from "./server.ts";
export type { ServerOptions, TraceOptions } from "./server-options.ts";
export type { PushOptions } from "./watching/push-metrics.ts";
export type { LogForm } from "./watching/server-log.ts";
export type { TraceLevel } from "./watching/trace-settings.ts";
