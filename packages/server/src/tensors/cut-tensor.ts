import type { RawTensor } from "./raw-tensor.ts";

/**
 * The bytes of a tensor's parts along its first dimension, as views: `counts[0]` of it, then `counts[1]`, and so on, all
 * of it in all. Texts have lengths of their own, so their parts are found by walking from one to the next.
 */
export function cutTensor(
  { datatype, shape, data }: RawTensor,
  counts: readonly number[],
): readonly Uint8Array[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return counts.map(() => data.subarray(0, 0));
  if (datatype !== "BYTES") {
    const stride = data.byteLength / total;
    let end = 0;
    return counts.map((count) => {
      const begin = end;
      end += count * stride;
      return data.subarray(begin, end);
    });
  }
  const texts = shape.slice(1).reduce((product, size) => product * size, shape[0] ?? 1) / total;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let end = 0;
  return counts.map((count) => {
    const begin = end;
    for (let text = 0; text < count * texts; text++) end += 4 + view.getUint32(end, true);
    return data.subarray(begin, end);
  });
}
