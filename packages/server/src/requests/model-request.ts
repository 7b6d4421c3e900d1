import { isDatatype } from "@strainflow/series";
import type { ModelRequest } from "../models/model.ts";
import type { ModelSpec } from "../models/model-spec.ts";
import { invalid } from "../refusal.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";
import { type SharedPlace, sharedPlace } from "../tensors/shared-tensors.ts";
import { contentsBytes } from "../tensors/typed-contents.ts";
import { wrongType } from "./check-request.ts";
import type { WireInput, WireOutput, WireRequest } from "./decode-request.ts";
import type { ParameterValue, RequestFlags } from "./request-parameters.ts";

/** Where tensors lie that a client shares with the server. */
export interface SharedTensors {
  /** @throws Refusal */
  read(region: string, offset: number, byteSize: number): Uint8Array;
}

/**
 * The request for its model: contents paired with inputs, in Triton's order of complaints.
 *
 * @throws Refusal (INVALID_ARGUMENT)
 */
export function toModelRequest(
  wire: WireRequest,
  flags: RequestFlags,
  spec: ModelSpec,
  shared?: SharedTensors,
): ModelRequest {
  const { id, raw } = wire;
  const inputs = new Map<string, RawTensor>();
  const seen = new Set<string>();
  for (const { name } of wire.inputs) {
    if (seen.has(name))
      throw invalid(
        `[request id: ${id === "" ? "<id_unknown>" : id}] input '${name}' already exists in request`,
      );
    seen.add(name);
  }
  let at = 0;
  let anyShared = false;
  for (const input of wire.inputs) {
    const { name, datatype, shape } = input;
    let data = shared === undefined ? undefined : sharedBytes(input, shared, spec.name);
    anyShared ||= data !== undefined;
    const movable = data !== undefined || input.contents !== undefined;
    if (data === undefined) {
      data = dataOf(input, raw[at], raw.length > 0, spec.name);
      if (raw.length > 0) at += 1;
    }
    if (isDatatype(datatype)) inputs.set(name, { datatype, shape, data, movable });
    else throw unknownType(spec, input, id);
  }
  // Bytes of an input that lies in shared memory are passed over, as in Triton.
  if (at < raw.length && !anyShared)
    throw invalid(`expected ${at} inputs' raw contents but got ${raw.length} for model '${spec.name}'`);
  const classes = classesOf(wire.outputs);
  const places = shared === undefined ? undefined : placesOf(wire.outputs);
  return {
    id,
    inputs,
    outputs: wire.outputs.map(({ name }) => name),
    ...flags,
    ...(classes === undefined ? {} : { classes }),
    ...(places === undefined ? {} : { places }),
  };
}

function dataOf(input: WireInput, raw: Uint8Array | undefined, anyRaw: boolean, model: string): Uint8Array {
  const { name, datatype, contents } = input;
  const given = contents === undefined ? undefined : contentsBytes(contents, datatype, name, model);
  if (given !== undefined && anyRaw)
    throw invalid(
      `contents field must not be specified when using raw_input_contents for '${name}' for model '${model}'`,
    );
  const data = given ?? raw;
  if (data === undefined)
    throw invalid(`unable to find data for input tensor '${name}' for model '${model}' in request.`);
  return data;
}

function unknownType(spec: ModelSpec, { name }: WireInput, id: string): Error {
  const port = spec.inputs.get(name);
  return port === undefined
    ? invalid(`unexpected inference input '${name}' for model '${spec.name}'`)
    : wrongType(spec, port, "<invalid>", id);
}

function sharedBytes(input: WireInput, shared: SharedTensors, model: string): Uint8Array | undefined {
  const place = sharedPlace(input.parameters, input.name);
  if (place === undefined) return undefined;
  if (input.contents !== undefined)
    throw invalid(
      `unexpected 'content' provided when using shared memory for input tensor '${input.name}' for model '${model}'`,
    );
  return shared.read(place.region, place.offset, place.byteSize);
}

function placesOf(outputs: readonly WireOutput[]): ReadonlyMap<string, SharedPlace> | undefined {
  let places: Map<string, SharedPlace> | undefined;
  for (const { name, parameters } of outputs) {
    const place = sharedPlace(parameters, name);
    if (place === undefined) continue;
    places ??= new Map();
    places.set(name, place);
  }
  return places;
}

/** How many classes each output is wanted as; `undefined` where all are wanted as they are. */
function classesOf(outputs: readonly WireOutput[]): ReadonlyMap<string, number> | undefined {
  let classes: Map<string, number> | undefined;
  for (const { name, parameters } of outputs) {
    const count = parameters.size === 0 ? undefined : parameters.get("classification");
    if (count === undefined) continue;
    classes ??= new Map();
    classes.set(name, classCount(count));
  }
  return classes;
}

function classCount(value: ParameterValue): number {
  if (typeof value !== "bigint")
    throw invalid("invalid value type for 'classification' parameter, expected int64_param");
  if (value <= 0n) throw invalid("invalid value for 'classification' parameter, expected >= 0");
  return Number(value);
}
