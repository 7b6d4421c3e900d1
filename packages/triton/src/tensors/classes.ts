import { StrainflowError, type Tensor } from "@strainflow/series";

/** One entry of a classification. */
export interface ClassScore {
  readonly value: number;
  /** Place of the class in the model's output. */
  readonly index: number;
  /** From the model's label file; empty where there is none. */
  readonly label: string;
}

/**
 * What an output that was asked for with `classes` says: the highest values, highest first, for each batch element one
 * after the other.
 *
 * @throws `malformed-response` if the output is no classification
 */
export function parseClasses(output: Tensor): readonly ClassScore[] {
  const texts = ArrayBuffer.isView(output.data) ? undefined : output.data;
  return (texts ?? [undefined]).map((bytes) => {
    const text = bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
    const match = /^([^:]+):(\d+)(?::(.*))?$/s.exec(text);
    const value = Number(match?.[1]);
    if (match === null || Number.isNaN(value))
      throw new StrainflowError(
        "malformed-response",
        `"${text}" of ${output.datatype} is no class; was the output asked for with classes?`,
      );
    return { value, index: Number(match[2]), label: match[3] ?? "" };
  });
}
