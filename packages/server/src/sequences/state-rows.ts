import { Tensor } from "onnxruntime-node";
import { datatypeOfOrt, toOrt } from "../backends/compute-model.ts";

/*
 * States of several sequences as one batch's, and back.
 */

/** One behind the other along the first dimension. @throws if they differ in type or in another dimension */
export function joinRows(rows: readonly Tensor[]): Tensor {
  const [first] = rows;
  if (first === undefined) throw new Error("a batch has no rows");
  if (rows.length === 1) return first;
  const inner = first.dims.slice(1);
  for (const { type, dims } of rows)
    if (type !== first.type || dims.slice(1).join() !== inner.join())
      throw new Error(`states of [${first.dims}] and [${dims}] cannot share a batch`);
  const shape = [rows.reduce((sum, { dims }) => sum + (dims[0] ?? 0), 0), ...inner];
  if (!ArrayBuffer.isView(first.data)) return new Tensor("string", rows.flatMap(textsOf), shape);
  const parts = rows.map(bytesOf);
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return toOrt(datatypeOfOrt(first.type), shape, bytes.buffer);
}

/** Each row in memory of its own; of one row, the tensor itself. @throws if it has not that many rows */
export function splitRows(name: string, tensor: Tensor, count: number): readonly Tensor[] {
  if (count === 1) return [tensor];
  const { dims } = tensor;
  if (dims[0] !== count)
    throw new Error(`state '${name}' came back as [${dims}] for a batch of ${count} sequences`);
  const shape = [1, ...dims.slice(1)];
  return Array.from({ length: count }, (_, at) => {
    const { data } = tensor;
    const size = data.length / count;
    if (!ArrayBuffer.isView(data)) return new Tensor("string", data.slice(at * size, (at + 1) * size), shape);
    const stride = data.byteLength / count;
    const bytes = bytesOf(tensor).slice(at * stride, (at + 1) * stride);
    return toOrt(datatypeOfOrt(tensor.type), shape, bytes.buffer);
  });
}

/** @throws if there is no such row */
export function rowOf(rows: readonly Tensor[], at: number): Tensor {
  const row = rows[at];
  if (row === undefined) throw new Error(`a batch has no row ${at}`);
  return row;
}

function bytesOf({ data }: Tensor): Uint8Array {
  if (!ArrayBuffer.isView(data)) throw new Error("a state of texts has no bytes");
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function textsOf({ data }: Tensor): readonly string[] {
  return ArrayBuffer.isView(data) ? [] : data;
}
