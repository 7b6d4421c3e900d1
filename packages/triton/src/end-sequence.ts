import { isStrainflowError, type Tensor, type TensorSpec } from "@strainflow/series";
import type { RequestEncoder } from "./request-encoder.ts";
import { ELEMENT_SIZES, tensorData } from "./tensor-bytes.ts";
import type { Transport } from "./transport.ts";
import { callRaw } from "./unary.ts";

/**
 * What became of a sequence that was given up:
 * `ended`, its slot is free; `unknown`, the server has no such sequence (any more); `failed`, the server could not be
 * told, and holds the slot until its idle time.
 */
export type EndOutcome = "ended" | "unknown" | "failed";

interface EndOptions {
  readonly transport: Transport;
  readonly encoder: RequestEncoder;
  readonly inputs: readonly TensorSpec[];
  readonly sequenceId: bigint | string;
  readonly timeoutMs: number;
}

/**
 * Ends a sequence by its id, from any connection: a sequence belongs to its id. Triton takes no END without a whole
 * request, so the inputs are zeros, and what comes out is thrown away.
 *
 * Never rejects: a slot that could not be freed must not stand in the way of a recovery.
 */
export async function endSequence(options: EndOptions): Promise<EndOutcome> {
  const { transport, encoder, inputs, sequenceId, timeoutMs } = options;
  try {
    const request = encoder.encode({
      id: `end-${sequenceId}`,
      inputs: Object.fromEntries(inputs.map((input) => [input.name, zeros(input)])),
      sequence: { id: sequenceId, start: false, end: true },
    });
    await transport.ready(timeoutMs);
    await callRaw(transport, "ModelInfer", request, timeoutMs);
    return "ended";
  } catch (error) {
    return isStrainflowError(error, "rpc-failed") && /START flag/.test(error.message) ? "unknown" : "failed";
  }
}

/** Zeros of the least size that an input takes. */
function zeros({ name, datatype, shape }: TensorSpec): Tensor {
  const fixed = shape.map((size) => (size < 0 ? 1 : size));
  const count = fixed.reduce((product, size) => product * size, 1);
  const data =
    datatype === "BYTES"
      ? Array.from({ length: count }, () => new Uint8Array(0))
      : tensorData(name, datatype, fixed, new Uint8Array(count * ELEMENT_SIZES[datatype]));
  return { datatype, shape: fixed, data };
}
