import { type Datatype, ELEMENT_SIZES, invalidOption, isDatatype } from "@strainflow/series";

/** A tensor that a network takes. */
export interface ExportInput {
  readonly name: string;
  /** Default `FP32`. */
  readonly datatype?: Datatype;
  /** −1 where any size will do; first of all the batch. */
  readonly shape: readonly number[];
  /** Sizes to try, in the order of {@link shape}: what stands for a −1 other than the batch. Default 16 for each. */
  readonly sizes?: readonly number[];
}

/** Types that frameworks and servers share; strings and bfloat16 are no arrays of numpy's. */
export const exportTypes: readonly Datatype[] = Object.keys(ELEMENT_SIZES)
  .filter(isDatatype)
  .filter((datatype) => datatype !== "BYTES" && datatype !== "BF16");

const NAME = /^[A-Za-z_][A-Za-z0-9_.:/-]*$/;

/** Inputs with nothing left out. @throws `invalid-option` */
export function checkInputs(where: string, inputs: readonly ExportInput[]): readonly Required<ExportInput>[] {
  if (inputs.length === 0) throw invalidOption(where, "inputs", "[]", "one tensor or more");
  const names = new Set<string>();
  return inputs.map(({ name, datatype = "FP32", shape, sizes = shape }) => {
    if (!NAME.test(name) || names.has(name))
      throw invalidOption(where, "inputs", name, "named, each differently: letters, digits, and _ . : / -");
    names.add(name);
    if (!exportTypes.includes(datatype))
      throw invalidOption(
        where,
        "inputs",
        `${name}:${datatype}`,
        `of one of the types ${exportTypes.join(", ")}`,
      );
    const fits = (size: number): boolean => Number.isSafeInteger(size) && (size === -1 || size >= 1);
    if (shape.length === 0 || !shape.every(fits) || sizes.length !== shape.length)
      throw invalidOption(where, "inputs", `${name}[${shape.join(",")}]`, "of sizes ≥ 1, or −1 for any");
    const tried = sizes.map((size, axis) =>
      shape[axis] !== -1 ? (shape[axis] ?? 1) : axis === 0 ? 2 : size >= 1 ? size : 16,
    );
    return { name, datatype, shape, sizes: tried };
  });
}

/**
 * Reads inputs as they are typed: `strain:FP32[-1,2,2048]`, several with commas between them; `[-1,2,-1@4096]` is any
 * length, tried with 4096.
 *
 * @throws `invalid-option`
 */
export function parseInputs(text: string): readonly ExportInput[] {
  const found: ExportInput[] = [];
  const one = /\s*([^\s:[\],]+)(?::([A-Za-z0-9]+))?\[([^\]]*)\]\s*(?:,|$)/y;
  while (one.lastIndex < text.length) {
    const [, name = "", datatype = "FP32", dims = ""] = one.exec(text) ?? [];
    const parts = dims.split(",").map((part) => /^\s*(-1|[1-9]\d*)(?:@([1-9]\d*))?\s*$/.exec(part));
    const known = exportTypes.find((type) => type === datatype);
    if (name === "" || known === undefined || parts.includes(null))
      throw invalidOption(
        "export",
        "inputs",
        text,
        "like strain:FP32[-1,2,2048], with commas between several",
      );
    found.push({
      name,
      datatype: known,
      shape: parts.map((part) => Number(part?.[1])),
      sizes: parts.map((part) => Number(part?.[2] ?? part?.[1])),
    });
  }
  return found;
}
