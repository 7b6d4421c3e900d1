import { castElements, type Datatype, type TensorData } from "@strainflow/series";
import type { Random } from "./random.ts";

/** Bytes of a random string. As in perf_analyzer. */
const STRING_SIZE = 128;

/**
 * Random elements: floating-point numbers in [0, 1), whole numbers from 0 to 127 (which every type has), BOOL, and for
 * BYTES strings of letters.
 */
export function randomElements(datatype: Datatype, count: number, random: Random): TensorData {
  switch (datatype) {
    case "FP16":
    case "BF16":
    case "FP32":
    case "FP64":
      return castElements(datatype, Float64Array.from({ length: count }, random));
    case "BOOL":
      return Uint8Array.from({ length: count }, () => Math.floor(2 * random()));
    case "BYTES":
      return Array.from({ length: count }, () =>
        Uint8Array.from({ length: STRING_SIZE }, () => 97 + Math.floor(26 * random())),
      );
    default:
      return castElements(
        datatype,
        Float64Array.from({ length: count }, () => Math.floor(128 * random())),
      );
  }
}
