import { invalid } from "../refusal.ts";

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
