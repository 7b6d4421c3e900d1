import type { Differs } from "../subject.ts";
import { float32 } from "../wire/bytes.ts";
import { type HttpRequest, withTensors } from "../wire/raw-http.ts";

export interface HttpRefusal {
  readonly status: number;
  /** Of the `error` in the JSON; absent where there is none or where it is each server's own. */
  readonly error?: string;
}

export interface HttpRefused extends HttpRefusal {
  readonly what: string;
  readonly path: string;
  readonly request?: HttpRequest;
  readonly differs?: Differs<HttpRefusal>;
}

export const eight = float32(0, 1, 2, 3, 4, 5, 6, 7);
export const NET = "/v2/models/net/infer";
export const input = (change: object = {}) => ({
  name: "x",
  datatype: "FP32",
  shape: [1, 2, 4],
  data: [0, 1, 2, 3, 4, 5, 6, 7],
  ...change,
});
export const without = (key: string) =>
  Object.fromEntries(Object.entries(input()).filter(([name]) => name !== key));
export const net = (body: object | string, headers: Record<string, string> = {}) => ({
  path: NET,
  request: { method: "POST", body, headers },
});
export const inputs = (...list: unknown[]) => net({ inputs: list });
export const asked = (more: object) => net({ inputs: [input()], ...more });
export const binary = (size: unknown, ...tensors: Uint8Array[]) => ({
  path: NET,
  request: {
    method: "POST",
    ...withTensors(
      { inputs: [{ name: "x", datatype: "FP32", shape: [1, 2, 4], parameters: { binary_data_size: size } }] },
      ...tensors,
    ),
  },
});
export const header = (length: string) => {
  const { body, headers } = withTensors(
    { inputs: [{ name: "x", datatype: "FP32", shape: [1, 2, 4], parameters: { binary_data_size: 32 } }] },
    eight,
  );
  return {
    path: NET,
    request: {
      method: "POST",
      ...(body === undefined ? {} : { body }),
      headers: { ...headers, "inference-header-content-length": length },
    },
  };
};
export const sum = (parameters: unknown) => ({
  path: "/v2/models/sum/infer",
  request: {
    method: "POST",
    body: { inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [2] }], parameters },
  },
});
export const typed = (type: string, data: unknown[]) => ({
  path: "/v2/models/types/infer",
  request: {
    method: "POST",
    body: { inputs: [{ name: `IN_${type}`, datatype: type, shape: [data.length], data }] },
  },
});
export const missing = (key: string) =>
  `Unable to parse '${key}': attempt to access non-existing object member '${key}'`;
export const one =
  "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'.";
