export type { InProcessModel } from "./in-process.ts";
export { Refusal, type StatusCode } from "./refusal.ts";
export { createServer, type InferenceServer, type ServedModel, type ServerOptions } from "./server.ts";
