import type { Kernel } from "../scheduling/native-scheduler.ts";
import type { RawTensor } from "../tensors/raw-tensor.ts";

/** Each input comes back as the output in the same place: for types that ONNX Runtime does not have here, and for tests. */
export const identityKernel: Kernel = {
  decoupled: false,
  check({ inputs, outputs }, fail) {
    const given = [...outputs.values()];
    const pairs = [...inputs.values()].map((port, at) => [port, given[at]] as const);
    const same = pairs.every(([a, b]) => a.datatype === b?.datatype && `${a.shape}` === `${b.shape}`);
    if (!same || inputs.size !== outputs.size)
      throw fail("'identity' needs as many outputs as inputs, of the same types and dims");
  },
  run({ inputs, outputs }, given, emit) {
    const names = [...outputs.keys()];
    const made = new Map<string, RawTensor>();
    [...inputs.keys()].forEach((input, at) => {
      const tensor = given.get(input);
      const output = names[at];
      if (tensor !== undefined && output !== undefined) made.set(output, { ...tensor, movable: false });
    });
    emit(made);
  },
};
