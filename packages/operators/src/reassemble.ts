import {
  type Block,
  type Gap,
  type InferenceBlock,
  StrainflowError,
  type TimeSeries,
} from "@strainflow/series";
import { map, type OperatorFunction } from "rxjs";

export interface ReassembleOptions {
  /** The model's output that becomes the series. Default: its only one. */
  readonly output?: string;
}

/**
 * Makes one time series of a model's outputs.
 *
 * In: {@link InferenceBlock}s whose output has shape `[size]`, `[size, 1]` or `[size, k]`. Out: a `score` series at the
 * output rate with `k` channels, named after the output (`score`, or `score/0`, `score/1`, …). Gaps stay where they are.
 *
 * Errors: `unknown-output` if the output is not there, or there are several and none was named.
 *
 * @example
 * ```ts
 * strain.pipe(inferSequence(network), reassemble(), integrate({ integrationLength: 1 }));
 * ```
 */
export function reassemble(
  options: ReassembleOptions = {},
): OperatorFunction<InferenceBlock, Block<"score">> {
  return map((block) => {
    if (block.kind === "gap") return { ...block, quantity: "score" } satisfies Gap<"score">;
    const names = Object.keys(block.outputs);
    const name = options.output ?? (names.length === 1 ? names[0]! : "");
    const tensor = block.outputs[name];
    if (tensor === undefined)
      throw new StrainflowError(
        "unknown-output",
        options.output === undefined
          ? `reassemble: the model has ${names.length} outputs (${names.join(", ")}); name one with the option output`
          : `reassemble: the model has no output "${options.output}"; it has ${names.join(", ")}`,
        { details: { output: options.output, names } },
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
    const series: TimeSeries<"score"> = {
      kind: "series",
      quantity: "score",
      start: block.start,
      size: block.size,
      sampleRate: block.sampleRate,
      channels: width === 1 ? [name] : data.map((_, k) => `${name}/${k}`),
      data,
      ...(block.flow === undefined ? {} : { flow: block.flow }),
    };
    return series;
  });
}
