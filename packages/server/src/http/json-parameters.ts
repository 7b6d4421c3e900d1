import { invalid, Refusal } from "../refusal.ts";
import { checkIdSize, type RequestFlags } from "../requests/request-parameters.ts";
import {
  booleanOf,
  fieldsOf,
  integerOf,
  isFields,
  type Json,
  parseJson,
  textOf,
  wholeNumber,
} from "./json-fields.ts";

/** Triton's own parameters, from a request in JSON. @throws Refusal in Triton's words */
export function jsonFlags(parameters: Json | undefined): RequestFlags {
  if (parameters === undefined) return {};
  if (!isFields(parameters))
    throw new Refusal("INTERNAL", "failed to get request params.: attempt to get members for non-object");
  let id: bigint | string | undefined;
  let start = false;
  let end = false;
  let priority: number | undefined;
  let queueTimeoutUs: number | undefined;
  for (const [key, value] of Object.entries(parameters))
    switch (key) {
      case "sequence_id":
        id = sequenceId(value);
        break;
      case "sequence_start":
        start = booleanOf(value, key);
        break;
      case "sequence_end":
        end = booleanOf(value, key);
        break;
      case "priority":
        priority = Number(integerOf(value, key, true));
        break;
      case "timeout":
        queueTimeoutUs = Number(integerOf(value, key, true));
        break;
      default:
        checkParameter(key, value);
    }
  checkIdSize(id);
  return {
    ...(id === undefined || id === 0n || id === "" ? {} : { sequence: { id, start, end } }),
    ...(priority === undefined ? {} : { priority }),
    ...(queueTimeoutUs === undefined ? {} : { queueTimeoutUs }),
  };
}

/** The sequence that a request in JSON names, where it names one that can be. */
export function sequenceOf(body: Buffer, jsonSize: number): bigint | string | undefined {
  const json = body.subarray(0, jsonSize);
  // Most requests are of none, and are not parsed for it. A backslash may hide any word.
  if (!json.includes("sequence_id") && !json.includes("\\u")) return undefined;
  try {
    return jsonFlags(fieldsOf(parseJson(json.toString("utf8")))["parameters"]).sequence?.id;
  } catch {
    return undefined;
  }
}

/** Numbers and texts. Those beyond 2⁶³ wrap, as the protocol's own field would have them. */
function sequenceId(value: Json): bigint | string {
  const number = wholeNumber(value);
  if (number !== undefined && number >= 0n && number < 2n ** 64n) return BigInt.asIntN(64, number);
  return textOf(value, "sequence_id");
}

/** A parameter that is nobody's business here, but must be one. @throws Refusal */
export function checkParameter(key: string, value: Json): void {
  if (key.startsWith("triton_"))
    throw invalid(
      "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.",
    );
  if (typeof value === "object")
    throw invalid(`parameter '${key}' has invalid type. It should be either 'int', 'bool', or 'string'.`);
}
