export type { Codec } from "./codec.ts";
export { bytes } from "./codecs/bytes.ts";
export { json } from "./codecs/json.ts";
export { defineHandler, type Handler } from "./handler.ts";
export type { FailureCode, ItemFailure, Outcome } from "./outcome.ts";
export { type HandlerServer, serveHandler } from "./serve-handler.ts";
export type { ServeHandlerOptions } from "./serve-options.ts";
