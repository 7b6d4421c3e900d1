import { invalid } from "../refusal.ts";
import {
  type ContentsField,
  contentsField,
  readBooleans,
  readFixed,
  readNarrow,
  readTexts,
  readWide,
} from "./contents-fields.ts";

/**
 * The bytes of an input that came as numbers or texts in its `contents` field; `undefined` if the field is empty.
 *
 * @throws Refusal (INVALID_ARGUMENT) for contents of another type than the input says
 */
export function contentsBytes(
  message: Uint8Array,
  datatype: string,
  name: string,
  model: string,
): Uint8Array | undefined {
  let field: ContentsField | undefined;
  let made: ArrayBufferView | undefined;
  try {
    field = contentsField(message);
    made = field === undefined ? undefined : elementsOf(message, field, datatype);
  } catch {
    throw invalid(`the contents of input '${name}' for model '${model}' cannot be read`);
  }
  if (field === undefined) return undefined;
  if (made === undefined)
    throw invalid(
      `unexpected explicit tensor data for input tensor '${name}' for model '${model}' of type '${field.kind}', expected datatype '${datatype}'`,
    );
  return new Uint8Array(made.buffer, made.byteOffset, made.byteLength);
}

/** Narrow integers have no field of their own. */
const NARROW = {
  INT32: { INT8: Int8Array, INT16: Int16Array, INT32: Int32Array },
  UINT32: { UINT8: Uint8Array, UINT16: Uint16Array, UINT32: Uint32Array },
} as const satisfies Record<string, Record<string, unknown>>;

type NarrowArray = new (
  length: number,
) => Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array;

/** The elements, if an input of that type may use the field. */
function elementsOf(
  message: Uint8Array,
  field: ContentsField,
  datatype: string,
): ArrayBufferView | undefined {
  const { kind, count, byteSize } = field;
  if (kind === "INT32" || kind === "UINT32") {
    const arrays: Readonly<Record<string, NarrowArray>> = NARROW[kind];
    const Narrow = Object.hasOwn(arrays, datatype) ? arrays[datatype] : undefined;
    if (Narrow === undefined) return undefined;
    const made = new Narrow(count);
    readNarrow(message, field, made);
    return made;
  }
  if (kind !== datatype) return undefined;
  switch (kind) {
    case "BOOL": {
      const made = new Uint8Array(count);
      readBooleans(message, field, made);
      return made;
    }
    case "INT64":
    case "UINT64": {
      const made = new Uint32Array(2 * count);
      readWide(message, field, made);
      return made;
    }
    case "FP32":
    case "FP64": {
      const made = new Uint8Array(byteSize);
      readFixed(message, field, kind === "FP32" ? 4 : 8, made);
      return made;
    }
    case "BYTES": {
      const made = new Uint8Array(byteSize + 4 * count);
      readTexts(message, field, made);
      return made;
    }
  }
}
