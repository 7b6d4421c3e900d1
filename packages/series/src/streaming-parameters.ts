import { StrainflowError } from "./errors.ts";
import type { StreamingSpec } from "./infer-stream.ts";
import type { TensorSpec } from "./tensor.ts";

/**
 * Reads how a model is streamed to from the `strainflow.*` parameters of its configuration.
 *
 * @returns nothing if they do not name a streamed input
 * @throws `streaming-spec` if they do, and one of the others is missing or not a whole number
 */
export function streamingFromParameters(
  modelName: string,
  parameters: Readonly<Record<string, string>>,
  inputs: readonly TensorSpec[],
): StreamingSpec | undefined {
  const input = inputs.find(({ name }) => name === parameters["strainflow.stream_input"]);
  if (input === undefined) return undefined;
  const whole = (key: string, otherwise?: number): number => {
    const text = parameters[`strainflow.${key}`];
    const value = text === undefined ? otherwise : Number(text);
    if (value === undefined || !Number.isSafeInteger(value) || value < 0)
      throw new StrainflowError(
        "streaming-spec",
        `model "${modelName}": its parameter strainflow.${key} is ${text ?? "missing"}; it must be a whole number`,
        { details: { modelName, key } },
      );
    return value;
  };
  return {
    input,
    sampleRate: whole("sample_rate"),
    channels: (parameters["strainflow.channels"] ?? "").split(",").map((name) => name.trim()),
    strideSize: whole("stride_size"),
    batchSize: whole("batch_size"),
    updateSize: whole("update_size", 1),
    memory: whole("memory"),
    latency: whole("latency"),
  };
}
