import {
  elementCount,
  type InferCall,
  type InferListener,
  type InferRequest,
  type StreamingModel,
  type Tensor,
} from "@strainflow/series";
import type { PlannedModel } from "./plan-stages.ts";

/** A model that answers every request with zeros. */
export function silentModel(model: PlannedModel): StreamingModel {
  const outputs: Record<string, Tensor> = {};
  for (const { name, datatype, shape } of model.outputs) {
    const fixed = shape.map((size) => Math.max(1, size));
    outputs[name] = { datatype, shape: fixed, data: new Float32Array(elementCount(fixed)) };
  }
  return {
    ...model,
    version: "1",
    open(listener: InferListener): InferCall {
      let gone = false;
      return {
        send({ id }: InferRequest) {
          setImmediate(() => gone || listener.response({ id, outputs }));
          return true;
        },
        end() {
          setImmediate(() => gone || listener.closed?.());
        },
        cancel() {
          gone = true;
        },
      };
    },
  };
}
