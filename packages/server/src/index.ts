export type { AccessRole, AccessToken, TlsFiles } from "./access.ts";
export type { InProcessModel } from "./in-process.ts";
export type { ModelControlMode } from "./model-repository.ts";
export type { PushOptions } from "./push-metrics.ts";
export { Refusal, type StatusCode } from "./refusal.ts";
export {
  createServer,
  type InferenceServer,
  type ServedModel,
} from "./server.ts";
export type { LogForm } from "./server-log.ts";
export type { ServerOptions, TraceOptions } from "./server-options.ts";
export type { TraceLevel } from "./trace-settings.ts";
