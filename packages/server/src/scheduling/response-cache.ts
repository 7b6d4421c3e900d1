import { createHash } from "node:crypto";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";

interface Entry {
  readonly outputs: RawTensors;
  readonly size: number;
}

/** Bytes that an entry takes beside its tensors, about. */
const ENTRY_SIZE = 512;

/** Answers of models that always give the same ones, by what was asked; those that were asked for longest ago go first. */
export class ResponseCache {
  readonly #limit: number;
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>();
  #size = 0;

  /** `limit`: bytes of answers to hold. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held. */
  get size(): number {
    return this.#size;
  }

  find(key: string): RawTensors | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.outputs;
  }

  /** Keeps a copy. What is larger than the whole cache is not kept. */
  keep(key: string, outputs: RawTensors): void {
    let size = ENTRY_SIZE;
    for (const { data } of outputs.values()) size += data.byteLength;
    if (size > this.#limit) return;
    this.#drop(key);
    for (const oldest of this.#entries.keys()) {
      if (this.#size + size <= this.#limit) break;
      this.#drop(oldest);
    }
    const own = new Map<string, RawTensor>();
    for (const [name, tensor] of outputs)
      own.set(name, { ...tensor, data: Uint8Array.from(tensor.data), movable: false });
    this.#entries.set(key, { outputs: own, size });
    this.#size += size;
  }

  /** Lets go of a model's answers. */
  forget(model: number): void {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(`${model} `)) this.#drop(key);
  }

  #drop(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
  }
}

/** What the answer hangs on: the model (by a number that is never used again), the inputs, and the outputs wanted. */
export function cacheKey(model: number, inputs: RawTensors, wanted: readonly string[]): string {
  const hash = createHash("sha256");
  const names = [...inputs.keys()].sort();
  const heads = names.map((name) => [name, inputs.get(name)?.datatype, inputs.get(name)?.shape]);
  hash.update(JSON.stringify([heads, [...wanted].sort()]));
  for (const name of names) {
    // A length before each: no two requests are the same bytes cut elsewhere.
    const data = inputs.get(name)?.data ?? new Uint8Array();
    hash.update(`${data.byteLength}:`).update(data);
  }
  return `${model} ${hash.digest("base64")}`;
}
