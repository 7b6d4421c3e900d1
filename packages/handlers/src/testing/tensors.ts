import { defineHandler, npy, stackTensors, tensor, unstackTensor } from "@strainflow/handlers";

/** The tensors that come, each with 1 added, as `.npy`. */
export default defineHandler({
  input: tensor,
  output: npy,
  validate: ({ datatype }) => (datatype === "FP32" ? undefined : `FP32 is wanted, not ${datatype}`),
  processRequest: (messages) => stackTensors(messages),
  runInference: (batch) => {
    if (!(batch.data instanceof Float32Array)) throw new TypeError("not FP32");
    return unstackTensor({ ...batch, data: batch.data.map((value) => value + 1) });
  },
  processResponse: (item) => item,
});
