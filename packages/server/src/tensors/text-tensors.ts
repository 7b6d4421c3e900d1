import { invalid } from "../refusal.ts";

/*
 * BYTES on the wire: each element behind its length, four bytes little-endian.
 */

interface Place {
  readonly input: string;
  readonly model: string;
  /** How the refusal begins. */
  readonly label: string;
}

/** Checks that bytes are so many elements of any length, in Triton's words. @throws Refusal (INVALID_ARGUMENT) */
export function checkTexts({ input, model, label }: Place, data: Uint8Array, expected: number): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let found = 0;
  let at = 0;
  while (at < data.byteLength) {
    const left = data.byteLength - at;
    if (left < 4)
      throw invalid(
        `${label}incomplete string length indicator for inference input '${input}' for model '${model}', expecting 4 ` +
          `bytes but only ${left} bytes available. Please make sure the string length indicator is in one buffer.`,
      );
    if (found === expected)
      throw invalid(
        `${label}unexpected number of string elements ${found + 1} for inference input '${input}' for model '${model}', expecting ${expected}`,
      );
    const size = view.getUint32(at, true);
    at += 4;
    if (size > data.byteLength - at)
      throw invalid(
        `incomplete string data for inference input '${input}', expecting string of length ${size} but only ${data.byteLength - at} bytes available`,
      );
    at += size;
    found += 1;
  }
  if (found < expected)
    throw invalid(
      `${label}expected ${expected} string elements for inference input '${input}' for model '${model}', got ${found}`,
    );
}

/** The elements of a checked tensor, as views. */
export function splitTexts(data: Uint8Array): Uint8Array[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const elements: Uint8Array[] = [];
  for (let at = 0; at + 4 <= data.byteLength; ) {
    const size = view.getUint32(at, true);
    elements.push(data.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  return elements;
}

/** Elements as they travel. */
export function joinTexts(elements: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const data = new Uint8Array(elements.reduce((size, element) => size + 4 + element.byteLength, 0));
  const view = new DataView(data.buffer);
  let at = 0;
  for (const element of elements) {
    view.setUint32(at, element.byteLength, true);
    data.set(element, at + 4);
    at += 4 + element.byteLength;
  }
  return data;
}
