import { invalid } from "./refusal.ts";
import type { SequencePlace } from "./scheduler.ts";

export type ParameterValue = boolean | bigint | string | number;

/** The sequence that a request's parameters name; 0 and "" mean none. @throws Refusal (INVALID_ARGUMENT) */
export function sequencePlace(parameters: ReadonlyMap<string, ParameterValue>): SequencePlace | undefined {
  const given = parameters.get("sequence_id");
  const start = flag(parameters, "sequence_start");
  const end = flag(parameters, "sequence_end");
  if (given === undefined || given === "" || given === 0n || given === 0) return undefined;
  if (typeof given === "string") return { id: given, start, end };
  if (typeof given === "bigint") return { id: given, start, end };
  if (typeof given === "number" && Number.isSafeInteger(given)) return { id: BigInt(given), start, end };
  throw invalid("invalid value type for 'sequence_id' parameter, expected int64_param or string_param.");
}

function flag(parameters: ReadonlyMap<string, ParameterValue>, name: string): boolean {
  const value = parameters.get(name);
  if (value === undefined) return false;
  if (typeof value !== "boolean")
    throw invalid(`invalid value type for '${name}' parameter, expected bool_param.`);
  return value;
}
