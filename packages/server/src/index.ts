export type { AccessRole, AccessToken, TlsFiles } from "./access.ts";
export type { InProcessModel } from "./in-process.ts";
export type { ModelControlMode } from "./model-repository.ts";
export { Refusal, type StatusCode } from "./refusal.ts";
export {
  createServer,
  type InferenceServer,
  type ServedModel,
  type ServerOptions,
  type TraceOptions,
} from "./server.ts";
export type { TraceLevel } from "./trace-settings.ts";
