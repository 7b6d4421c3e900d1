export { type AlignOptions, align } from "./align.ts";
export { createFlow, type FlowControl, joinFlows } from "./flow.ts";
export { type FromReaderOptions, fromReader } from "./from-reader.ts";
export { type InferSequenceOptions, inferSequence } from "./infer-sequence.ts";
export { type Measurement, type MeasureOptions, measure } from "./measure.ts";
export { type ReassembleOptions, reassemble } from "./reassemble.ts";
export type { Recovery } from "./sequence-session.ts";
export { through } from "./through.ts";
