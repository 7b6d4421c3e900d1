import { isDatatype } from "@strainflow/series";
import type { ModelRequest } from "../models/model.ts";
import { invalid, Refusal } from "../refusal.ts";
import type { SharedTensors } from "../requests/model-request.ts";
import { elementCountOf } from "../tensors/datatypes.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";
import type { SharedPlace } from "../tensors/shared-tensors.ts";
import {
  booleanOf,
  fieldsOf,
  integerOf,
  type Json,
  type JsonFields,
  listOf,
  member,
  parseJson,
  textOf,
} from "./json-fields.ts";
import { jsonFlags } from "./json-parameters.ts";
import { flatten, tensorOfJson } from "./json-tensors.ts";

/** How an answer is wanted. */
export interface AnswerForm {
  /** Outputs behind the JSON: all of them where none is asked for by name, as in Triton. */
  readonly binary: boolean;
  readonly byOutput: ReadonlyMap<string, boolean>;
}

export interface HttpInfer {
  readonly request: ModelRequest;
  readonly form: AnswerForm;
}

/**
 * An inference request in KServe's JSON, with tensors behind it or within.
 *
 * @throws Refusal: INTERNAL where the JSON is not as it should be (as Triton has it), else INVALID_ARGUMENT
 */
export function parseInferRequest(
  body: Buffer,
  jsonSize: number,
  model: string,
  shared?: SharedTensors,
): HttpInfer {
  const parsed = parseJson(body.toString("utf8", 0, jsonSize));
  const fields = fieldsOf(parsed);
  const id = fields["id"] === undefined ? "" : textOf(fields["id"], "id");
  const parameters = fields["parameters"];
  const flags = jsonFlags(parameters);
  const tail = new Tail(body.subarray(jsonSize), model);
  const inputs = new Map<string, RawTensor>();
  for (const item of listOf(member(fields, "inputs"), "inputs")) {
    const { name, tensor } = parseInput(fieldsOf(item), tail, shared);
    if (inputs.has(name))
      throw invalid(
        `[request id: ${id === "" ? "<id_unknown>" : id}] input '${name}' already exists in request`,
      );
    inputs.set(name, tensor);
  }
  const byOutput = new Map<string, boolean>();
  const classes = new Map<string, number>();
  const places = new Map<string, SharedPlace>();
  const outputs = listOf(fields["outputs"] === undefined ? [] : fields["outputs"], "outputs").map((item) => {
    const output = fieldsOf(item);
    const name = textOf(member(output, "name"), "name");
    const parameters = fieldsOf(output["parameters"]);
    const { binary_data: binary, classification } = parameters;
    const isBinary = binary !== undefined && booleanOf(binary, "binary_data");
    const count = classification === undefined ? 0 : classCount(classification);
    // Of one that is named twice, what is said first holds, as in Triton.
    if (byOutput.has(name)) return name;
    byOutput.set(name, isBinary);
    if (shared !== undefined && parameters["shared_memory_region"] !== undefined)
      places.set(name, placeOf(parameters));
    if (count > 0) classes.set(name, count);
    return name;
  });
  tail.finish();
  const all = fieldsOf(parameters)["binary_data_output"];
  return {
    request: {
      id,
      inputs,
      outputs,
      ...flags,
      ...(classes.size === 0 ? {} : { classes }),
      ...(places.size === 0 ? {} : { places }),
    },
    form: { binary: all !== undefined && booleanOf(all, "binary_data_output"), byOutput },
  };
}

/** The bytes behind the JSON, taken in order. */
class Tail {
  readonly #bytes: Buffer;
  readonly #model: string;
  #at = 0;

  constructor(bytes: Buffer, model: string) {
    this.#bytes = bytes;
    this.#model = model;
  }

  take(input: string, size: number): Uint8Array {
    const left = this.#bytes.byteLength - this.#at;
    if (size > left)
      throw invalid(
        `unexpected size for input '${input}', expecting ${size - left} additional bytes for model '${this.#model}'`,
      );
    const taken = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return taken;
  }

  finish(): void {
    if (this.#at < this.#bytes.byteLength)
      throw invalid(`unexpected additional input data for model '${this.#model}'`);
  }
}

/** The three ways to give data; exactly one of them is to be used. */
const WAYS = ["data", "binary_data_size", "shared_memory_region"] as const;

function parseInput(
  input: JsonFields,
  tail: Tail,
  shared: SharedTensors | undefined,
): { readonly name: string; readonly tensor: RawTensor } {
  const parameters = fieldsOf(input["parameters"]);
  const given = WAYS.filter((way) => (way === "data" ? input : parameters)[way] !== undefined);
  const [way] = given;
  if (way === undefined || given.length > 1) throw notOne(given);
  const name = textOf(member(input, "name"), "name");
  const datatype = textOf(member(input, "datatype"), "datatype");
  if (!isDatatype(datatype)) throw invalid(`invalid datatype for input ${name}`);
  const shape = listOf(member(input, "shape"), "shape").map((size) => Number(integerOf(size, "shape", true)));
  const size = (key: string): number => Number(integerOf(parameters[key] ?? 0, key, true));
  switch (way) {
    case "data": {
      // As in Triton, which looks for no elements where the shape has none, and leaves texts to be counted later.
      const size = shape.length === 0 ? 0 : elementCountOf(shape);
      const flat = size === 0 ? [] : flatten(member(input, "data"));
      const data = tensorOfJson(name, datatype, flat);
      if (datatype !== "BYTES" && flat.length !== size)
        throw new Refusal(
          "INTERNAL",
          "Unable to parse 'data': Shape does not match true shape of 'data' field",
        );
      return { name, tensor: { datatype, shape, data, movable: true } };
    }
    case "binary_data_size":
      return {
        name,
        tensor: { datatype, shape, data: tail.take(name, size("binary_data_size")), movable: false },
      };
    case "shared_memory_region": {
      if (shared === undefined) throw invalid("shared memory is not served here");
      const { region, offset, byteSize } = placeOf(parameters);
      const data = shared.read(region, offset, byteSize);
      return { name, tensor: { datatype, shape, data, movable: true } };
    }
  }
}

/** Over HTTP a size that is not given is none, and so refused with the place. */
function placeOf(parameters: JsonFields): SharedPlace {
  const size = (key: string): number => Number(integerOf(parameters[key] ?? 0, key, true));
  return {
    region: textOf(member(parameters, "shared_memory_region"), "shared_memory_region"),
    offset: size("shared_memory_offset"),
    byteSize: size("shared_memory_byte_size"),
  };
}

function notOne(given: readonly string[]): Refusal {
  const fields = "'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'";
  const set =
    given.length === 0 ? "But no field is set" : `But set ${given.map((way) => `'${way}'`).join(" ")}`;
  return invalid(`Input must set only one of the following fields: ${fields}. ${set}`);
}

function classCount(value: Json): number {
  try {
    return Number(integerOf(value, "classification", true));
  } catch {
    throw new Refusal(
      "INTERNAL",
      "Unable to set 'classification': attempt to access JSON non-unsigned-integer as unsigned-integer",
    );
  }
}
