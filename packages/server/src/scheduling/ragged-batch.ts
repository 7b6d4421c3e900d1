import type { RawTensor, RawTensors } from "../tensors/raw-tensor.ts";

/** What a batch says of its requests in a tensor of its own; Triton's `batch_input`. */
export interface BatchInputSpec {
  readonly names: readonly string[];
  readonly kind:
    | "element-count"
    | "accumulated"
    | "accumulated-with-zero"
    | "largest-as-shape"
    | "item-shape"
    | "item-shape-flat";
  readonly datatype: "FP32" | "INT32" | "INT64";
  /** The input that it is about. */
  readonly source: string;
}

/** How requests of different shapes share a batch. */
export interface RaggedPlan {
  /** Inputs whose elements are laid end to end, in one dimension. */
  readonly ragged: ReadonlySet<string>;
  readonly made: readonly BatchInputSpec[];
  /** Outputs that hold, end to end, as many elements for each request as this input has, in its shape. */
  readonly scattered: ReadonlyMap<string, string>;
}

/** The tensors that a batch of these requests is told of itself. */
export function batchInputs(plan: RaggedPlan, requests: readonly RawTensors[]): RawTensors {
  const tensors = new Map<string, RawTensor>();
  for (const spec of plan.made) {
    const { values, shape } = valuesOf(
      spec.kind,
      requests.map((request) => request.get(spec.source)?.shape ?? []),
    );
    for (const name of spec.names) tensors.set(name, tensorOf(spec.datatype, values, shape));
  }
  return tensors;
}

function valuesOf(
  kind: BatchInputSpec["kind"],
  shapes: readonly (readonly number[])[],
): { readonly values: readonly number[]; readonly shape: readonly number[] } {
  const counts = shapes.map(countOf);
  const flat = (values: readonly number[]) => ({ values, shape: [values.length] });
  switch (kind) {
    case "element-count":
      return flat(counts);
    case "accumulated":
      return flat(sums(counts));
    case "accumulated-with-zero":
      return flat([0, ...sums(counts)]);
    case "largest-as-shape":
      // Only its shape says something.
      return flat(new Array<number>(Math.max(0, ...counts)).fill(0));
    case "item-shape": {
      const items = itemsOf(shapes);
      return { values: items.flat(), shape: [items.length, items[0]?.length ?? 0] };
    }
    case "item-shape-flat":
      return flat(itemsOf(shapes).flat());
  }
}

/** For each element of each request's first dimension, the rest of its shape. */
function itemsOf(shapes: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return shapes.flatMap(([size = 0, ...rest]) => Array.from({ length: size }, () => rest));
}

function sums(counts: readonly number[]): readonly number[] {
  let sum = 0;
  return counts.map((count) => {
    sum += count;
    return sum;
  });
}

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function tensorOf(
  datatype: BatchInputSpec["datatype"],
  values: readonly number[],
  shape: readonly number[],
): RawTensor {
  const array =
    datatype === "INT64"
      ? BigInt64Array.from(values, BigInt)
      : datatype === "INT32"
        ? Int32Array.from(values)
        : Float32Array.from(values);
  return { datatype, shape, data: new Uint8Array(array.buffer), movable: true };
}
