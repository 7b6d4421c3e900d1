import type { Datatype } from "@strainflow/series";
import type { OutputChoice, ParameterValue, RequestTensor, SharedMemory } from "../request.ts";
import { delimited, stringField, varint64 } from "../transport/wire.ts";
import { parameter } from "./parameter-codec.ts";

/*
 * ModelInferRequest: 5 inputs, 6 outputs.
 * InferInputTensor: 1 name, 2 datatype, 3 shape (packed int64), 4 parameters.
 * InferRequestedOutputTensor: 1 name, 2 parameters.
 */

interface KnownInput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly sharedMemory: SharedMemory | undefined;
}

/** Writes the `inputs` and `outputs` fields of a request: those of the last one, as long as the next one's are the same. */
export type TensorCache = (
  names: readonly string[],
  inputs: Readonly<Record<string, RequestTensor>>,
  outputs: readonly (string | OutputChoice)[] | undefined,
) => Buffer;

export function createTensorCache(): TensorCache {
  let known: KnownInput[] | undefined;
  let knownOutputs: readonly (string | OutputChoice)[] | undefined;
  let header = EMPTY;
  return (names, inputs, outputs) => {
    if (known !== undefined && sameInputs(known, names, inputs) && sameOutputs(knownOutputs, outputs))
      return header;
    known = names.map((name) => ({
      name,
      datatype: inputs[name]!.datatype,
      shape: [...inputs[name]!.shape],
      sharedMemory: sharedMemoryOf(inputs[name]!),
    }));
    knownOutputs = outputs === undefined ? undefined : [...outputs];
    header = Buffer.concat([
      ...known.map((input) => delimited(5, inputTensor(input))),
      ...(outputs ?? []).map((output) => delimited(6, requestedOutput(output))),
    ]);
    return header;
  };
}

const EMPTY = Buffer.alloc(0);

export function sharedMemoryOf(tensor: RequestTensor): SharedMemory | undefined {
  return "sharedMemory" in tensor ? tensor.sharedMemory : undefined;
}

/** The outputs that are to be put into shared memory; nothing where there are none. */
export function sharedOutputs(
  outputs: readonly (string | OutputChoice)[] | undefined,
): ReadonlySet<string> | undefined {
  let names: Set<string> | undefined;
  for (const output of outputs ?? [])
    if (typeof output !== "string" && output.sharedMemory !== undefined)
      names = (names ?? new Set()).add(output.name);
  return names;
}

/** As parameters of an input or output. */
export function sharedMemoryParameters(memory: SharedMemory | undefined): [string, ParameterValue][] {
  if (memory === undefined) return [];
  const { region, byteSize, offset } = memory;
  return [
    ["shared_memory_region", region],
    ["shared_memory_byte_size", byteSize],
    ...(offset === undefined || offset === 0
      ? []
      : [["shared_memory_offset", offset] satisfies [string, ParameterValue]]),
  ];
}

/** What an output is asked for with. */
export function outputParameters(output: string | OutputChoice): [string, ParameterValue][] {
  if (typeof output === "string") return [];
  const found = sharedMemoryParameters(output.sharedMemory);
  if (output.classes !== undefined) found.push(["classification", output.classes]);
  return found;
}

function inputTensor({ name, datatype, shape, sharedMemory }: KnownInput): Buffer {
  const dims = Buffer.from(shape.flatMap((size) => varint64(BigInt(size))));
  return Buffer.concat([
    stringField(1, name),
    stringField(2, datatype),
    dims.length === 0 ? EMPTY : delimited(3, dims),
    ...sharedMemoryParameters(sharedMemory).map(([key, value]) => parameter(4, key, value)),
  ]);
}

function requestedOutput(output: string | OutputChoice): Buffer {
  const name = typeof output === "string" ? output : output.name;
  return Buffer.concat([
    stringField(1, name),
    ...outputParameters(output).map(([key, value]) => parameter(2, key, value)),
  ]);
}

function sameInputs(
  known: readonly KnownInput[],
  names: readonly string[],
  inputs: Readonly<Record<string, RequestTensor>>,
): boolean {
  if (known.length !== names.length) return false;
  for (let i = 0; i < known.length; i++) {
    const { name, datatype, shape, sharedMemory } = known[i]!;
    if (name !== names[i]) return false;
    const tensor = inputs[name]!;
    if (tensor.datatype !== datatype || tensor.shape.length !== shape.length) return false;
    for (let d = 0; d < shape.length; d++) if (tensor.shape[d] !== shape[d]) return false;
    if (!sameMemory(sharedMemory, sharedMemoryOf(tensor))) return false;
  }
  return true;
}

function sameOutputs(
  a: readonly (string | OutputChoice)[] | undefined,
  b: readonly (string | OutputChoice)[] | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((one, i) => sameOutput(one, b[i]!));
}

function sameOutput(a: string | OutputChoice, b: string | OutputChoice): boolean {
  if (a === b) return true;
  if (typeof a === "string" || typeof b === "string") return false;
  return a.name === b.name && a.classes === b.classes && sameMemory(a.sharedMemory, b.sharedMemory);
}

function sameMemory(a: SharedMemory | undefined, b: SharedMemory | undefined): boolean {
  return (
    a === b ||
    (a !== undefined &&
      b !== undefined &&
      a.region === b.region &&
      a.byteSize === b.byteSize &&
      (a.offset ?? 0) === (b.offset ?? 0))
  );
}
