import {
  elementCount,
  fromBfloat16Bits,
  fromFloat16Bits,
  type Tensor,
  type TensorData,
} from "@strainflow/series";

/** How far a floating-point output may lie from what is expected: `absolute + relative · |expected|`. */
export interface Tolerance {
  readonly absolute?: number;
  readonly relative?: number;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** How outputs differ from what is expected of them, in words; nothing where they do not. Outputs not named are free. */
export function compareTensors(
  got: Tensors,
  expected: Tensors,
  tolerance: Tolerance = {},
): string | undefined {
  for (const [name, wanted] of Object.entries(expected)) {
    const tensor = got[name];
    if (tensor === undefined) return `output ${name} is missing`;
    if (tensor.datatype !== wanted.datatype)
      return `output ${name} is ${tensor.datatype}, expected ${wanted.datatype}`;
    if (`${tensor.shape}` !== `${wanted.shape}`)
      return `output ${name} is of shape [${tensor.shape}], expected [${wanted.shape}]`;
    const at = firstDifference(tensor, wanted, tolerance);
    if (at === undefined) continue;
    return `output ${name}${placeText(at, wanted.shape)} is ${valueText(tensor, at)}, expected ${valueText(wanted, at)}`;
  }
  return undefined;
}

function firstDifference(got: Tensor, wanted: Tensor, tolerance: Tolerance): number | undefined {
  const { data } = wanted;
  const mine = got.data;
  if (isBytes(data) || isBytes(mine)) {
    if (!isBytes(data) || !isBytes(mine)) return 0;
    const at = data.findIndex((bytes, i) => Buffer.compare(bytes, mine[i] ?? new Uint8Array(0)) !== 0);
    return at < 0 ? undefined : at;
  }
  if (Buffer.compare(bytesOf(mine), bytesOf(data)) === 0) return undefined;
  const count = elementCount(wanted.shape);
  for (let i = 0; i < count; i++) if (!near(numberAt(got, i), numberAt(wanted, i), tolerance)) return i;
  return undefined;
}

function near(
  got: number | bigint,
  wanted: number | bigint,
  { absolute = 0, relative = 0 }: Tolerance,
): boolean {
  if (typeof got === "bigint" || typeof wanted === "bigint") return got === wanted;
  if (got === wanted || (Number.isNaN(got) && Number.isNaN(wanted))) return true;
  return Math.abs(got - wanted) <= absolute + relative * Math.abs(wanted);
}

function numberAt({ datatype, data }: Tensor, i: number): number | bigint {
  const value = data[i];
  if (typeof value !== "number" && typeof value !== "bigint") return Number.NaN;
  if (datatype === "FP16") return fromFloat16Bits(Uint16Array.of(Number(value)))[0] ?? Number.NaN;
  if (datatype === "BF16") return fromBfloat16Bits(Uint16Array.of(Number(value)))[0] ?? Number.NaN;
  return value;
}

function valueText(tensor: Tensor, i: number): string {
  const { data } = tensor;
  if (!isBytes(data)) return String(numberAt(tensor, i));
  const text = Buffer.from(data[i] ?? new Uint8Array(0)).toString("utf8");
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/** `[0, 3]` of element 3 of `[1, 4]`. */
function placeText(at: number, shape: readonly number[]): string {
  let rest = at;
  const place = [...shape].reverse().map((size) => {
    const index = rest % size;
    rest = Math.floor(rest / size);
    return index;
  });
  return `[${place.reverse().join(", ")}]`;
}

function isBytes(data: TensorData): data is readonly Uint8Array[] {
  return Array.isArray(data);
}

function bytesOf(data: Exclude<TensorData, readonly Uint8Array[]>): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
