import { setTimeout as delay } from "node:timers/promises";
import type { Kernel } from "../scheduling/native-scheduler.ts";
import { unfit } from "../scheduling/native-scheduler.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";
import { elements } from "../tensors/tensor-bytes.ts";

/** A request may not hold its place for longer than this. */
const LONGEST_MS = 60_000;

/**
 * Triton's example of a decoupled model: each element of IN comes back as an OUT of its own with its IDX, each after its
 * DELAY in milliseconds; the request ends no sooner than WAIT milliseconds after it began.
 */
export const repeatKernel: Kernel = {
  decoupled: true,
  check({ inputs, outputs, maxBatchSize }, fail) {
    const types = [...inputs.values(), ...outputs.values()].map(
      ({ name, datatype }) => `${name} ${datatype}`,
    );
    const wanted = ["IN INT32", "DELAY UINT32", "WAIT UINT32", "OUT INT32", "IDX UINT32"];
    if (maxBatchSize > 0 || [...types].sort().join() !== [...wanted].sort().join())
      throw fail(`'repeat' has no batch and takes and gives ${wanted.join(", ")}`);
  },
  async run(_, inputs, emit, signal) {
    const numbers = (name: string): number[] => {
      const tensor = inputs.get(name);
      const values = tensor === undefined ? [] : elements(tensor.datatype, tensor.data);
      return [...values].map(Number);
    };
    const values = numbers("IN");
    const delays = numbers("DELAY");
    const [waitMs = 0] = numbers("WAIT");
    if (delays.length !== values.length)
      throw unfit(`expected IN and DELAY shape to match, got [${values.length}] and [${delays.length}]`);
    const totalMs = Math.max(
      waitMs,
      delays.reduce((sum, ms) => sum + ms, 0),
    );
    if (totalMs > LONGEST_MS) throw unfit(`DELAY and WAIT hold the request for more than ${LONGEST_MS} ms`);
    const begun = performance.now();
    const sleep = (ms: number): Promise<void> => delay(ms, undefined, { signal }).catch(() => {});
    for (const [index, value] of values.entries()) {
      const ms = delays[index] ?? 0;
      if (ms > 0) await sleep(ms);
      if (signal.aborted) return;
      emit(
        new Map([
          ["OUT", one("INT32", Int32Array.of(value))],
          ["IDX", one("UINT32", Uint32Array.of(index))],
        ]),
      );
    }
    const leftMs = begun + waitMs - performance.now();
    if (leftMs > 0) await sleep(leftMs);
  },
};

function one(datatype: "INT32" | "UINT32", values: Int32Array | Uint32Array): RawTensor {
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { datatype, shape: [1], data, movable: false };
}
