import { type Datatype, joinByteStrings } from "@strainflow/series";
import { invalid } from "../refusal.ts";
import type { RawTensor, RawTensors } from "./raw-tensor.ts";
import { elements } from "./tensor-bytes.ts";

/** Labels of an output's classes, by output. */
export type Labels = ReadonlyMap<string, readonly string[]>;

/**
 * Outputs as their best classes: `value:index` or `value:index:label`, best first, in place of the numbers.
 *
 * @throws Refusal (INVALID_ARGUMENT) for an output that holds no numbers
 */
export function classify(
  outputs: RawTensors,
  classes: ReadonlyMap<string, number>,
  batched: boolean,
  labels: Labels,
): RawTensors {
  const classified = new Map<string, RawTensor>();
  for (const [name, tensor] of outputs) {
    const count = classes.get(name);
    classified.set(name, count === undefined ? tensor : best(name, tensor, count, batched, labels.get(name)));
  }
  return classified;
}

function best(
  name: string,
  { datatype, shape, data }: RawTensor,
  count: number,
  batched: boolean,
  labels: readonly string[] = [],
): RawTensor {
  const values = numbers(datatype, data);
  if (values === undefined) throw invalid(`class result not available for output '${name}' of ${datatype}`);
  const batch = batched ? (shape[0] ?? 1) : 1;
  const size = batch === 0 ? 0 : values.length / batch;
  const kept = Math.min(count, size);
  const texts: Uint8Array[] = [];
  for (let element = 0; element < batch; element++) {
    const row: Numbers = values.slice(element * size, (element + 1) * size);
    const order = [...row.keys()].sort((a, b) => compare(row[b], row[a]) || a - b);
    for (const index of order.slice(0, kept)) {
      const label = labels[index];
      const value = format(datatype, row[index] ?? 0);
      texts.push(Buffer.from(`${value}:${index}${label === undefined ? "" : `:${label}`}`));
    }
  }
  return {
    datatype: "BYTES",
    shape: batched ? [batch, kept] : [kept],
    data: joinByteStrings(texts),
    movable: true,
  };
}

type Numbers = readonly number[] | readonly bigint[];

function numbers(datatype: Datatype, data: Uint8Array): Numbers | undefined {
  if (datatype === "BYTES" || datatype === "FP16" || datatype === "BF16") return undefined;
  const values = elements(datatype, data);
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) return [...values];
  return ArrayBuffer.isView(values) ? [...values] : undefined;
}

function compare(a: number | bigint | undefined, b: number | bigint | undefined): number {
  if (a === undefined || b === undefined || a === b) return 0;
  return a < b ? -1 : 1;
}

/** As C++ prints numbers: six places after the point. */
function format(datatype: Datatype, value: number | bigint): string {
  if (typeof value === "bigint" || (datatype !== "FP32" && datatype !== "FP64")) return String(value);
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  // Beyond 1e21 toFixed falls back to exponents.
  if (Object.is(value, -0)) return "-0.000000";
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`;
}
