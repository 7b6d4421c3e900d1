import type { ParameterValue } from "../request.ts";
import {
  delimited,
  FIXED64,
  LENGTH_DELIMITED,
  stringField,
  VARINT,
  varint64,
  type WireReader,
} from "../transport/wire.ts";

/*
 * An entry of a `parameters` map: 1 key, 2 InferParameter.
 * InferParameter: 1 bool_param, 2 int64_param, 3 string_param, 4 double_param, 5 uint64_param.
 */

/** One entry of the `parameters` map that is field `field` of its message. */
export function parameter(field: number, name: string, value: ParameterValue): Buffer {
  return delimited(field, Buffer.concat([stringField(1, name), delimited(2, choice(value))]));
}

function choice(value: ParameterValue): Buffer {
  if (typeof value === "boolean") return Buffer.from([(1 << 3) | VARINT, value ? 1 : 0]);
  if (typeof value === "string") return delimited(3, Buffer.from(value, "utf8"));
  if (typeof value === "bigint" || Number.isSafeInteger(value))
    return Buffer.from([(2 << 3) | VARINT, ...varint64(BigInt(value))]);
  const bytes = Buffer.alloc(9);
  bytes[0] = (4 << 3) | FIXED64;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

/** Reads an entry that ends where the reader does. Whole numbers come as `number` where it holds them exactly. */
export function readParameter(reader: WireReader): [name: string, value: ParameterValue] {
  const { end } = reader;
  let name = "";
  let value: ParameterValue = "";
  while (reader.at < end) {
    const tag = reader.varint();
    if (tag === ((1 << 3) | LENGTH_DELIMITED)) name = reader.string();
    else if (tag === ((2 << 3) | LENGTH_DELIMITED)) {
      const to = reader.delimitedEnd();
      value = readChoice(reader, to);
    } else reader.skip(tag & 7);
  }
  return [name, value];
}

function readChoice(reader: WireReader, to: number): ParameterValue {
  let value: ParameterValue = "";
  while (reader.at < to) {
    const tag = reader.varint();
    if (tag === ((1 << 3) | VARINT)) value = reader.varint() !== 0;
    else if (tag === ((2 << 3) | VARINT)) value = exact(BigInt.asIntN(64, reader.varint64()));
    else if (tag === ((5 << 3) | VARINT)) value = exact(reader.varint64());
    else if (tag === ((3 << 3) | LENGTH_DELIMITED)) value = reader.string();
    else if (tag === ((4 << 3) | FIXED64)) value = reader.double();
    else reader.skip(tag & 7);
  }
  if (reader.at !== to) throw new RangeError("a parameter runs past its field");
  return value;
}

function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
