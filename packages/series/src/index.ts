export { byteStringsSize, joinByteStrings, splitByteStrings } from "./byte-strings.ts";
export {
  checkSampleRate,
  convertIndex,
  convertIndexCeil,
  convertIndexFloor,
  formatNs,
  GRID_TOLERANCE_NS,
  indexToNs,
  indexToSeconds,
  nearestIndex,
  nsToIndex,
  nsToSeconds,
  secondsToIndex,
  secondsToNs,
} from "./clock.ts";
export { castElements, viewElements, zeroElements } from "./elements.ts";
export { invalidOption, isStrainflowError, StrainflowError } from "./errors.ts";
export type { EventItem, EventRecord, UnreadableEvent } from "./event.ts";
export type { Flow, FlowStage } from "./flow.ts";
export { bfloat16Bits, float16Bits, fromBfloat16Bits, fromFloat16Bits } from "./half-precision.ts";
export type {
  InferCall,
  InferListener,
  InferRequest,
  InferResponse,
  InferStream,
  SequenceControl,
  StreamingModel,
  StreamingSpec,
  StreamPart,
} from "./infer-stream.ts";
export type { InferUnary, UnaryOptions } from "./infer-unary.ts";
export type { Inference, InferenceBlock } from "./inference.ts";
export type { Reader, Writer } from "./reader.ts";
export { difference, intersection, type Segment, totalLength, union } from "./segment.ts";
export { composeReach, type RatedReach, type Reach, type Step, type StepState } from "./step.ts";
export { streamingFromParameters } from "./streaming-parameters.ts";
export {
  type Datatype,
  ELEMENT_SIZES,
  elementCount,
  isDatatype,
  type NumericArray,
  type NumericDatatype,
  type Tensor,
  type TensorData,
  type TensorSpec,
} from "./tensor.ts";
export {
  type Block,
  checkContinues,
  endNs,
  endOf,
  type Gap,
  type GapCategory,
  type GapReason,
  gapCategory,
  onGrid,
  type Quantity,
  reasonBeside,
  type SampleArray,
  type StreamFormat,
  sliceBlock,
  startNs,
  type TimeSeries,
  timeSeries,
} from "./time-series.ts";
export { gpsToUtc, utcToGps } from "./utc.ts";
