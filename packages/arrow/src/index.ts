export type { ArrowLimits } from "./limits.ts";
export { type DecodeOptions, decodeBlock, encodeBlock } from "./message-codec.ts";
