import { joinByteStrings } from "@strainflow/series";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";

/** Zeros of the same names, types and shapes; empty texts where there are texts. For rows that nobody has. */
export function blankInputs(inputs: RawTensors): RawTensors {
  const blank = new Map<string, RawTensor>();
  for (const [name, { datatype, shape, data }] of inputs) {
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes =
      datatype === "BYTES"
        ? joinByteStrings(Array.from({ length: count }, () => new Uint8Array(0)))
        : new Uint8Array(data.byteLength);
    blank.set(name, { datatype, shape, data: bytes, movable: true });
  }
  return blank;
}
