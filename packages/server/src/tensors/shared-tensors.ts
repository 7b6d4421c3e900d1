import { asRefusal, invalid, Refusal } from "../refusal.ts";
import type { ParameterValue } from "../requests/request-parameters.ts";
import type { Outcome } from "../scheduling/scheduler.ts";
import type { RawTensor, RawTensors } from "./raw-tensor.ts";
import type { SharedMemory } from "./shared-memory.ts";

/** Where in shared memory a tensor lies, or is to lie. */
export interface SharedPlace {
  readonly region: string;
  readonly offset: number;
  readonly byteSize: number;
}

/** What a tensor's parameters say of shared memory over gRPC. @throws Refusal in Triton's words */
export function sharedPlace(
  parameters: ReadonlyMap<string, ParameterValue>,
  tensor: string,
): SharedPlace | undefined {
  if (parameters.size === 0) return undefined;
  const region = parameters.get("shared_memory_region");
  const byteSize = parameters.get("shared_memory_byte_size");
  const wrong = (key: string, kind: string): Refusal =>
    invalid(`invalid value type for '${key}' parameter for tensor '${tensor}', expected ${kind}.`);
  if (region === undefined) {
    if (byteSize === undefined) return undefined;
    throw invalid(
      `'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor '${tensor}'`,
    );
  }
  if (typeof region !== "string") throw wrong("shared_memory_region", "string_param");
  const offset = parameters.get("shared_memory_offset") ?? 0n;
  if (typeof offset !== "bigint") throw wrong("shared_memory_offset", "int64_param");
  if (byteSize === undefined)
    throw invalid(
      `'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor '${tensor}'`,
    );
  if (typeof byteSize !== "bigint") throw wrong("shared_memory_byte_size", "int64_param");
  return { region, offset: Number(offset), byteSize: Number(byteSize) };
}

const NOTHING = new Uint8Array(0);

/** Puts outputs where they are wanted; what is left of them says only what they are. */
export function deliver(
  shared: SharedMemory,
  places: ReadonlyMap<string, SharedPlace>,
  outcome: Outcome,
): Outcome {
  if (outcome instanceof Refusal) return outcome;
  try {
    return put(shared, places, outcome);
  } catch (error) {
    return asRefusal(error);
  }
}

function put(
  shared: SharedMemory,
  places: ReadonlyMap<string, SharedPlace>,
  outputs: RawTensors,
): RawTensors {
  const left = new Map<string, RawTensor>();
  for (const [name, tensor] of outputs) {
    const place = places.get(name);
    if (place === undefined) {
      left.set(name, tensor);
      continue;
    }
    const size = tensor.data.byteLength;
    if (size > place.byteSize)
      throw new Refusal(
        "INTERNAL",
        `shared memory size specified with the request for output '${name}' (${place.byteSize} bytes) should be at least ${size} bytes to hold the results`,
      );
    shared.write(place.region, place.offset, tensor.data);
    left.set(name, { ...tensor, data: NOTHING, elsewhere: true });
  }
  return left;
}
