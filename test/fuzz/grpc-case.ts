import type { MessageInitShape } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { InferTensorContentsSchema } from "@strainflow/proto";
import { float32, int64, texts } from "../conformance/wire/bytes.ts";
import { encodeMessage, inferRequest } from "../conformance/wire/messages.ts";
import type { Asked, AskedInput } from "./asked.ts";
import type { Dice } from "./dice.ts";

/** The bytes of a `ModelInferRequest`: raw or typed contents, or a bit of both, and at times a changed field. */
export function grpcCase(asked: Asked, dice: Dice): Uint8Array {
  const form = dice.pick(["raw", "raw", "typed", "mixed"] as const);
  const bytes = encodeMessage(
    inferRequest(
      asked.model,
      asked.inputs.map((input) => [
        input.name,
        input.datatype,
        input.shape,
        form === "raw" || input.type === "FP16" || (form === "mixed" && dice.chance(0.5))
          ? rawContents(input)
          : typedContents(input),
      ]),
      { id: asked.id, version: asked.version, outputs: asked.outputs, parameters: asked.parameters },
    ),
  );
  return dice.chance(0.25) ? changedFields(bytes, dice) : bytes;
}

export function rawContents({ type, values }: AskedInput): Uint8Array {
  const numbers = values.map(Number);
  switch (type) {
    case "BOOL":
    case "UINT8":
    case "INT8":
      return Uint8Array.from(numbers);
    case "UINT16":
    case "INT16":
    case "FP16":
      return new Uint8Array(Uint16Array.from(numbers).buffer);
    case "UINT32":
    case "INT32":
      return new Uint8Array(Uint32Array.from(numbers).buffer);
    case "UINT64":
    case "INT64":
      return int64(...values.map((value) => BigInt.asIntN(64, BigInt(value))));
    case "FP32":
      return float32(...numbers);
    case "FP64":
      return new Uint8Array(Float64Array.from(numbers).buffer);
    case "BYTES":
      return texts(...values.map(String));
  }
}

function typedContents({ type, values }: AskedInput): MessageInitShape<typeof InferTensorContentsSchema> {
  const numbers = values.map(Number);
  const whole = (): bigint[] => values.map((value) => BigInt(value));
  switch (type) {
    case "BOOL":
      return { boolContents: values.map(Boolean) };
    case "INT8":
    case "INT16":
    case "INT32":
      return { intContents: numbers };
    case "UINT8":
    case "UINT16":
    case "UINT32":
      return { uintContents: numbers };
    case "INT64":
      return { int64Contents: whole() };
    case "UINT64":
      return { uint64Contents: whole() };
    case "FP64":
      return { fp64Contents: numbers };
    case "BYTES":
      return { bytesContents: values.map((value) => Buffer.from(String(value))) };
    default:
      return { fp32Contents: numbers };
  }
}

interface Field {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** A message whose fields are dropped, doubled, moved, renumbered, or changed within; most still are messages. */
function changedFields(message: Uint8Array, dice: Dice): Uint8Array {
  const fields = fieldsOf(message);
  const at = dice.below(fields.length);
  const field = fields[at];
  if (field === undefined) return message;
  const changed: Record<string, () => readonly Field[]> = {
    drop: () => fields.filter((_, index) => index !== at),
    double: () => [...fields, field],
    move: () => [field, ...fields.filter((_, index) => index !== at)],
    renumber: () =>
      fields.map((other) => (other === field ? { ...other, number: 1 + dice.below(9) } : other)),
    flip: () =>
      fields.map((other) => (other === field ? { ...other, bytes: flipped(other.bytes, dice) } : other)),
    unknown: () => [...fields, { number: 1000, bytes: dice.bytes(5) }],
    empty: () => fields.map((other) => (other === field ? { ...other, bytes: new Uint8Array(0) } : other)),
  };
  return joined(dice.pick(Object.values(changed))());
}

function fieldsOf(message: Uint8Array): readonly Field[] {
  const reader = new BinaryReader(message);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) fields.push({ number, bytes: reader.bytes() });
    else reader.skip(type, number);
  }
  return fields;
}

function joined(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, bytes } of fields) writer.tag(number, WireType.LengthDelimited).bytes(bytes);
  return writer.finish();
}

function flipped(bytes: Uint8Array, dice: Dice): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = dice.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << dice.below(8));
  return copy;
}
