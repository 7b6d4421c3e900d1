import type { Port } from "../models/model-spec.ts";
import { invalid, Refusal } from "../refusal.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";
import { fieldsOf, isFields, type Json, parseJson, textOf } from "./json-fields.ts";
import { checkParameter } from "./json-parameters.ts";
import { flatten, tensorOfJson } from "./json-tensors.ts";

/** What a model takes, as its configuration says. */
export interface GenerateTarget {
  readonly inputs: ReadonlyMap<string, Port>;
  readonly maxBatchSize: number;
}

export interface GenerateJob {
  readonly id: string;
  readonly inputs: RawTensors;
}

/** Members that name inputs are those; `id` is the request's; the rest are parameters. @throws Refusal */
export function parseGenerateRequest(text: string, spec: GenerateTarget): GenerateJob {
  const parsed = parseJson(text);
  if (!isFields(parsed)) throw new Refusal("INTERNAL", "attempt to get members for non-object");
  const inputs = new Map<string, RawTensor>();
  let id = "";
  for (const [key, value] of Object.entries(parsed)) {
    const port = spec.inputs.get(key);
    if (port !== undefined) inputs.set(key, tensorOf(port, spec.maxBatchSize > 0, value));
    else if (key === "id") id = textOf(value, "id");
    else if (key === "parameters")
      for (const [name, parameter] of Object.entries(fieldsOf(value))) checkParameter(name, parameter);
    else checkParameter(key, value);
  }
  return { id, inputs };
}

function tensorOf(port: Port, batched: boolean, value: Json): RawTensor {
  const { name, datatype } = port;
  const flat = flatten(value);
  const data = tensorOfJson(name, datatype, flat);
  const shape = port.shape.map((size, at) => (batched && at === 0 ? 1 : size));
  const open = shape.indexOf(-1);
  const known = elementCountOf(shape.filter((size) => size >= 0)) ?? 0;
  if (open >= 0 && known > 0 && flat.length % known === 0) shape[open] = flat.length / known;
  if (elementCountOf(shape) !== flat.length)
    throw invalid(`The schema can not convert input '${name}' to tensor with proper shape`);
  return { datatype, shape, data, movable: true };
}
