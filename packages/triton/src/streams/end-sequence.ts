import {
  elementCount,
  isStrainflowError,
  type StrainflowError,
  type TensorSpec,
  zeroElements,
} from "@strainflow/series";
import type { RequestTensor } from "../request.ts";
import type { Link, ModelTarget } from "../transport/link.ts";

/**
 * What became of a sequence that was given up:
 * `ended`, its slot is free; `unknown`, the server has no such sequence (any more); `failed`, the server could not be
 * told, and holds the slot until its idle time.
 */
export type EndOutcome = "ended" | "unknown" | "failed";

/**
 * Ends a sequence by its id, from any connection: a sequence belongs to its id. Triton takes no END without a whole
 * request, so the inputs are zeros, and what comes out is thrown away.
 *
 * Never rejects: a slot that could not be freed must not stand in the way of a recovery.
 */
export async function endSequence(options: {
  readonly link: Link;
  readonly target: ModelTarget;
  readonly inputs: readonly TensorSpec[];
  readonly sequenceId: bigint | string;
  readonly timeoutMs: number;
}): Promise<EndOutcome> {
  const { link, target, inputs, sequenceId, timeoutMs } = options;
  try {
    await link.ready(timeoutMs);
    await link.infer(
      target,
      {
        id: `end-${sequenceId}`,
        inputs: zeroInputs(inputs),
        sequence: { id: sequenceId, start: false, end: true },
      },
      { timeoutMs },
    );
    return "ended";
  } catch (error) {
    return isStrainflowError(error, "rpc-failed") && isUnknownSequence(error) ? "unknown" : "failed";
  }
}

function isUnknownSequence(error: StrainflowError): boolean {
  return /START flag/.test(error.message);
}

/** Zeros of the least size that each input takes. */
export function zeroInputs(inputs: readonly TensorSpec[]): Record<string, RequestTensor> {
  return Object.fromEntries(
    inputs.map(({ name, datatype, shape }) => {
      const least = shape.map((size) => (size < 0 ? 1 : size));
      return [name, { datatype, shape: least, data: zeroElements(datatype, elementCount(least)) }];
    }),
  );
}
