import { ELEMENT_SIZES } from "@strainflow/series";
import type { ModelRequest } from "../models/model.ts";
import type { ModelSpec } from "../models/model-spec.ts";
import { invalid } from "../refusal.ts";
import { requestLabel } from "../requests/check-request.ts";
import { elementCountOf } from "../tensors/datatypes.ts";

/** A body that is nothing but the bytes of the model's only input. @throws Refusal in Triton's words */
export function parseRawInput({ name, maxBatchSize, inputs }: ModelSpec, body: Buffer): ModelRequest {
  const label = requestLabel("");
  const [port] = inputs.values();
  if (port === undefined || inputs.size > 1)
    throw invalid(
      `${label}Raw request must only have 1 input (found 1) to be deduced but got ${inputs.size} inputs in '${name}' model configuration`,
    );
  const { datatype } = port;
  const shape = port.shape.map((size, at) => (at === 0 && maxBatchSize > 0 ? 1 : size));
  const open = shape.filter((size) => size < 0).length;
  if (open > 1)
    throw invalid(
      `${label}The shape of the raw input '${port.name}' can not be deduced because there are more than one variable-sized dimension`,
    );
  const known = elementCountOf(shape.filter((size) => size >= 0)) ?? 0;
  const size = known * ELEMENT_SIZES[datatype];
  const sized = datatype === "BYTES" ? known : open === 1 ? Math.floor(body.byteLength / size) : 0;
  if (datatype !== "BYTES" && body.byteLength !== (open === 1 ? sized * size : size))
    throw invalid(
      `${label}input byte size mismatch for input 'raw_input' for model '${name}'. Expected ${size}, got ${body.byteLength}`,
    );
  const whole = shape.map((dimension) => (dimension < 0 ? (datatype === "BYTES" ? 1 : sized) : dimension));
  return { id: "", inputs: new Map([[port.name, { datatype, shape: whole, data: body, movable: false }]]) };
}
