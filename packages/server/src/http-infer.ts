import type { Datatype, TensorData } from "@strainflow/series";
import { isDatatype } from "./datatypes.ts";
import type { Model, ModelRequest } from "./model.ts";
import type { RawTensor, RawTensors } from "./raw-tensor.ts";
import { invalid, Refusal } from "./refusal.ts";
import { type ParameterValue, sequencePlace } from "./request-parameters.ts";
import { elements } from "./tensor-bytes.ts";

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * An inference request in KServe's JSON.
 *
 * @throws Refusal: INTERNAL if it is no JSON (as Triton has it), INVALID_ARGUMENT if it is no such request
 */
export function parseInferRequest(body: string, model: string): ModelRequest {
  let parsed: Json;
  try {
    parsed = JSON.parse(body) as Json;
  } catch (error) {
    throw new Refusal("INTERNAL", `failed to parse the request JSON buffer: ${String(error)}`);
  }
  const request = object(parsed, "the request");
  const inputs = new Map<string, RawTensor>();
  for (const item of list(request.inputs, "inputs")) {
    const { name, tensor } = parseInput(object(item, "an input"), model);
    if (inputs.has(name)) throw invalid(`input '${name}' already exists in request for model '${model}'`);
    inputs.set(name, tensor);
  }
  const outputs = list(request.outputs ?? [], "outputs").map((item) =>
    text(object(item, "an output").name, "name"),
  );
  const sequence = sequencePlace(parseParameters(request.parameters));
  return {
    id: request.id === undefined ? "" : text(request.id, "id"),
    inputs,
    outputs,
    ...(sequence === undefined ? {} : { sequence }),
  };
}

function parseInput(
  input: { readonly [key: string]: Json },
  model: string,
): { readonly name: string; readonly tensor: RawTensor } {
  const name = text(input.name, "name");
  const datatype = text(input.datatype, "datatype");
  if (!isDatatype(datatype))
    throw invalid(`inference input '${name}' has unknown data-type '${datatype}' for model '${model}'`);
  const shape = list(input.shape, "shape").map((size) => number(size, `shape of '${name}'`));
  if (input.data === undefined)
    throw new Refusal(
      "UNIMPLEMENTED",
      `input '${name}' for model '${model}' has no 'data': tensors in binary form travel over gRPC here`,
    );
  const flat: Json[] = [];
  flatten(input.data, flat, 0);
  const array = fill(name, datatype, flat);
  const data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return { name, tensor: { datatype, shape, data, movable: true } };
}

function parseParameters(given: Json | undefined): ReadonlyMap<string, ParameterValue> {
  const parameters = new Map<string, ParameterValue>();
  if (given === undefined) return parameters;
  for (const [key, value] of Object.entries(object(given, "parameters"))) {
    if (typeof value === "number") parameters.set(key, Number.isSafeInteger(value) ? BigInt(value) : value);
    else if (typeof value === "string" || typeof value === "boolean") parameters.set(key, value);
  }
  return parameters;
}

/** Depth is bounded: the data of a tensor is nested no deeper than its rank. */
function flatten(value: Json, into: Json[], depth: number): void {
  if (!Array.isArray(value)) into.push(value);
  else if (depth > 32) throw invalid("'data' is nested too deep");
  else for (const item of value) flatten(item, into, depth + 1);
}

function fill(name: string, datatype: Datatype, flat: readonly Json[]): ArrayBufferView {
  const numbers = (): number[] => flat.map((value) => number(value, `data of '${name}'`));
  const bigints = (): bigint[] =>
    numbers().map((value) => {
      if (!Number.isInteger(value)) throw invalid(`the data of '${name}' must be whole numbers`);
      return BigInt(value);
    });
  switch (datatype) {
    case "BOOL":
      return Uint8Array.from(flat, (value) => (value === true || value === 1 ? 1 : 0));
    case "UINT8":
      return Uint8Array.from(numbers());
    case "INT8":
      return Int8Array.from(numbers());
    case "UINT16":
      return Uint16Array.from(numbers());
    case "INT16":
      return Int16Array.from(numbers());
    case "UINT32":
      return Uint32Array.from(numbers());
    case "INT32":
      return Int32Array.from(numbers());
    case "UINT64":
      return BigUint64Array.from(bigints());
    case "INT64":
      return BigInt64Array.from(bigints());
    case "FP32":
      return Float32Array.from(numbers());
    case "FP64":
      return Float64Array.from(numbers());
    case "FP16":
    case "BF16":
    case "BYTES":
      throw invalid(`input '${name}' is ${datatype}, which cannot be sent as JSON`);
  }
}

/** The answer in KServe's JSON. Written piece by piece: JSON has no 64-bit integers in JavaScript. */
export function formatInferResponse(model: Model, id: string, outputs: RawTensors): string {
  const tensors = [...outputs].map(
    ([name, { datatype, shape, data }]) =>
      `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape}],"data":[${format(datatype, elements(datatype, data))}]}`,
  );
  const head = id === "" ? "" : `"id":${JSON.stringify(id)},`;
  const { name, version } = model.spec;
  return `{${head}"model_name":${JSON.stringify(name)},"model_version":"${version}","outputs":[${tensors.join(",")}]}`;
}

function format(datatype: Datatype, values: TensorData): string {
  const texts: string[] = [];
  for (const value of values)
    if (datatype === "BOOL") texts.push(value === 0 ? "false" : "true");
    else texts.push(typeof value === "number" && !Number.isFinite(value) ? "null" : String(value));
  return texts.join(",");
}

function object(value: Json | undefined, what: string): { readonly [key: string]: Json } {
  if (typeof value !== "object" || value === null || isList(value))
    throw invalid(`${what} must be a JSON object`);
  return value;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function list(value: Json | undefined, what: string): readonly Json[] {
  if (value === undefined || !isList(value)) throw invalid(`'${what}' must be a JSON array`);
  return value;
}

function text(value: Json | undefined, what: string): string {
  if (typeof value !== "string") throw invalid(`'${what}' must be a string`);
  return value;
}

function number(value: Json, what: string): number {
  if (typeof value !== "number") throw invalid(`${what} must be numbers`);
  return value;
}
