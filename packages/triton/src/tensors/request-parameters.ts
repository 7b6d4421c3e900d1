import type { SequenceControl } from "@strainflow/series";
import { invalidRequest } from "../errors.ts";
import type { ParameterValue, TritonRequest } from "../request.ts";

const RESERVED: ReadonlyMap<string, string> = new Map([
  ["sequence_id", "sequence.id"],
  ["sequence_start", "sequence.start"],
  ["sequence_end", "sequence.end"],
  ["priority", "priority"],
  ["timeout", "queueTimeoutMs"],
  ["binary_data_output", "outputs"],
]);

const MAX_INT64 = 2n ** 63n - 1n;

/** @throws `invalid-request` for an id that means none to Triton, or that its 64 bits do not hold */
export function checkSequence({ id }: SequenceControl): void {
  if (id === "" || id === 0n)
    throw invalidRequest('a sequence id of 0 or "" means none to Triton; give it another', {
      sequenceId: id,
    });
  if (typeof id === "bigint" && (id < -MAX_INT64 - 1n || id > MAX_INT64))
    throw invalidRequest(`sequence id ${id} does not fit; it must be a signed 64-bit integer`, {
      sequenceId: id,
    });
}

/** A request's parameters, without those of its sequence. @throws `invalid-request` */
export function extraParameters(request: TritonRequest): [string, ParameterValue][] {
  const { priority, queueTimeoutMs, parameters } = request;
  const found: [string, ParameterValue][] = [];
  for (const [name, value] of Object.entries(parameters ?? {})) {
    const option = RESERVED.get(name);
    if (option !== undefined)
      throw invalidRequest(`the parameter "${name}" is set by the option ${option}`, {
        requestId: request.id,
      });
    found.push([name, value]);
  }
  if (priority !== undefined) {
    if (!Number.isSafeInteger(priority) || priority < 0)
      throw invalidRequest(`priority is ${priority}; it must be a whole number of at least 0`, {
        requestId: request.id,
      });
    found.push(["priority", priority]);
  }
  if (queueTimeoutMs !== undefined) {
    const micros = Math.round(queueTimeoutMs * 1000);
    if (!Number.isSafeInteger(micros) || micros < 1)
      throw invalidRequest(`queueTimeoutMs is ${queueTimeoutMs}; it must be more than 0`, {
        requestId: request.id,
      });
    found.push(["timeout", micros]);
  }
  return found;
}

/** The parameters of a place in a sequence. @throws `invalid-request` */
export function sequenceParameters(sequence: SequenceControl): [string, ParameterValue][] {
  checkSequence(sequence);
  return [
    ["sequence_id", sequence.id],
    ["sequence_start", sequence.start],
    ["sequence_end", sequence.end],
  ];
}
