import {
  type Block,
  type Gap,
  type Inference,
  type InferenceBlock,
  invalidOption,
  StrainflowError,
  type TimeSeries,
} from "@strainflow/series";
import { defer, map, type OperatorFunction } from "rxjs";

export interface ReassembleOptions {
  /** The model's output that becomes the series. Default: its only one. */
  readonly output?: string;
  /**
   * Values per stride, k. Default 1. Only what comes before the first output depends on it: a gap there has to be given
   * as many channels as the series will have.
   */
  readonly width?: number;
}

/**
 * Makes one time series of a model's outputs.
 *
 * In: `InferenceBlock`s whose output has shape `[size]`, `[size, 1]` or `[size, k]`. Out: a `score` series at the
 * output rate with `k` channels, named after the output (`score`, or `score/0`, `score/1`, …; a gap before the first
 * output of an unnamed one is of `score`). Gaps stay where they are.
 *
 * Errors: `unknown-output` if the output is not there, or there are several and none was named; `invalid-option`.
 *
 * @example
 * ```ts
 * strain.pipe(inferSequence(network), reassemble(), integrate({ integrationLength: 1 }));
 * ```
 */
export function reassemble(
  options: ReassembleOptions = {},
): OperatorFunction<InferenceBlock, Block<"score">> {
  const { output, width = 1 } = options;
  if (!Number.isInteger(width) || width < 1)
    throw invalidOption("reassemble", "width", width, "a whole number ≥ 1");
  return (source) =>
    defer(() => {
      let channels = channelNames(output ?? "score", width);
      return source.pipe(
        map((block) => {
          if (block.kind === "gap") return { ...block, quantity: "score", channels } satisfies Gap<"score">;
          const series = seriesOf(block, output);
          channels = series.channels;
          return series;
        }),
      );
    });
}

function channelNames(output: string, width: number): readonly string[] {
  return width === 1 ? [output] : Array.from({ length: width }, (_, k) => `${output}/${k}`);
}

function seriesOf(block: Inference, output: string | undefined): TimeSeries<"score"> {
  const names = Object.keys(block.outputs);
  const name = output ?? (names.length === 1 ? names[0]! : "");
  const tensor = block.outputs[name];
  if (tensor === undefined)
    throw new StrainflowError(
      "unknown-output",
      output === undefined
        ? `reassemble: the model has ${names.length} outputs (${names.join(", ")}); name one with the option output`
        : `reassemble: the model has no output "${output}"; it has ${names.join(", ")}`,
      { details: { output, names } },
    );
  const values = tensor.data;
  if (!(values instanceof Float32Array || values instanceof Float64Array))
    throw new StrainflowError(
      "unknown-output",
      `reassemble: output "${name}" is ${tensor.datatype}; it must be FP32 or FP64`,
    );
  const width = values.length / block.size;
  const data =
    width === 1
      ? [values]
      : Array.from({ length: width }, (_, k) =>
          values.slice(0, block.size).map((_v, i) => values[i * width + k]!),
        );
  return {
    kind: "series",
    quantity: "score",
    start: block.start,
    size: block.size,
    sampleRate: block.sampleRate,
    channels: channelNames(name, width),
    data,
    ...(block.flow === undefined ? {} : { flow: block.flow }),
  };
}
