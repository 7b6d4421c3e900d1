import { invalid, Refusal } from "../refusal.ts";
import type { SequencePlace } from "../scheduling/scheduler.ts";
import type { SequenceOwner } from "../sequences/sequence-owner.ts";

export type ParameterValue = boolean | bigint | string | number;

/** What Triton's own parameters of a request say; others are nobody's business here. */
export interface RequestFlags {
  readonly sequence?: SequencePlace;
  /** Lower is more urgent; 0 for the model's default. */
  readonly priority?: number;
  /** How long it may wait in the queue, in microseconds. */
  readonly queueTimeoutUs?: number;
  /** A decoupled request's end is to be told by an empty response. */
  readonly emptyFinal?: boolean;
}

/** Triton's limit for an id that is a text. */
const MAX_ID_SIZE = 128;

const NONE: RequestFlags = {};

/** @throws Refusal (INVALID_ARGUMENT) in Triton's words */
export function requestFlags(
  parameters: ReadonlyMap<string, ParameterValue>,
  owner?: SequenceOwner,
): RequestFlags {
  if (parameters.size === 0) return NONE;
  const sequence = sequencePlace(parameters, owner);
  const priority = whole(parameters, "priority", "int64_param or uint64_param");
  const timeout = whole(parameters, "timeout", "int64_param");
  const emptyFinal = flag(parameters, EMPTY_FINAL);
  for (const key of parameters.keys())
    if (key.startsWith("triton_") && key !== EMPTY_FINAL)
      throw invalid(
        "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with " +
          `'triton_' are allowed: ${EMPTY_FINAL}`,
      );
  return {
    ...(sequence === undefined ? {} : { sequence }),
    ...(priority === undefined ? {} : { priority }),
    ...(timeout === undefined ? {} : { queueTimeoutUs: timeout }),
    ...(emptyFinal ? { emptyFinal } : {}),
  };
}

const EMPTY_FINAL = "triton_enable_empty_final_response";

/** The sequence that a request's parameters name; 0 and "" mean none. @throws Refusal */
function sequencePlace(
  parameters: ReadonlyMap<string, ParameterValue>,
  owner: SequenceOwner | undefined,
): SequencePlace | undefined {
  const id = parameters.get("sequence_id");
  if (id !== undefined && typeof id !== "bigint" && typeof id !== "string")
    throw invalid("invalid value type for 'sequence_id' parameter, expected int64_param or string_param.");
  checkIdSize(id);
  const start = flag(parameters, "sequence_start");
  const end = flag(parameters, "sequence_end");
  return id === undefined || id === "" || id === 0n
    ? undefined
    : { id, start, end, ...(owner === undefined ? {} : { owner }) };
}

/** @throws Refusal (UNIMPLEMENTED) for a text that is too long */
export function checkIdSize(id: bigint | string | undefined): void {
  if (typeof id === "string" && Buffer.byteLength(id) > MAX_ID_SIZE)
    throw new Refusal(
      "UNIMPLEMENTED",
      `string correlation ID cannot be longer than ${MAX_ID_SIZE} characters`,
    );
}

function whole(
  parameters: ReadonlyMap<string, ParameterValue>,
  name: string,
  kind: string,
): number | undefined {
  const value = parameters.get(name);
  if (value === undefined) return undefined;
  if (typeof value !== "bigint")
    throw invalid(`invalid value type for '${name}' parameter, expected ${kind}.`);
  if (value < 0n) throw invalid(`invalid value for '${name}', expected value >= 0.`);
  return Number(value);
}

function flag(parameters: ReadonlyMap<string, ParameterValue>, name: string): boolean {
  const value = parameters.get(name);
  if (value === undefined) return false;
  if (typeof value !== "boolean")
    throw invalid(`invalid value type for '${name}' parameter, expected bool_param.`);
  return value;
}
