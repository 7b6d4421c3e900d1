import { float32 } from "../wire/bytes.ts";
import { type InferInit, type InferOptions, type Input, inferRequest } from "../wire/messages.ts";
import type { Refused } from "./refused.ts";

const NOTE =
  "NOTE: Setting a non-zero max_batch_size in the model config requires a batch dimension to be prepended to each input shape. " +
  "If you want to specify the full shape including the batch dim in your input dims config, try setting max_batch_size to zero. " +
  "See the model configuration docs for more info on max_batch_size.";

const eight = float32(0, 1, 2, 3, 4, 5, 6, 7);

const net = (options: InferOptions = {}): InferInit =>
  inferRequest("net", [["x", "FP32", [1, 2, 4], eight]], { id: "q", ...options });

const x = (datatype: string, shape: Input[2], data: Input[3]): InferInit =>
  inferRequest("net", [["x", datatype, shape, data]], { id: "q" });

const plain = (version: string): InferInit =>
  inferRequest("plain", [["x", "FP32", [3], float32(1, 2, 3)]], { version });

const invalid = "INVALID_ARGUMENT";

const unparsed = {
  why: "std::stol reads a leading number and leaves the rest; ours takes whole numbers only, whoever asks means one",
  embedded: {
    code: invalid,
    text: "failed to get model version from specified version string '1.5' (details: stol), version should be an integral value > 0",
  },
} as const;

/** Models, versions, types and shapes that are not. */
export const REFUSED_NAMES: readonly Refused[] = [
  {
    what: "unknown model",
    request: inferRequest("nope", []),
    code: "NOT_FOUND",
    text: "Request for unknown model: 'nope' is not found",
  },
  {
    what: "no model",
    request: inferRequest("", []),
    code: "NOT_FOUND",
    text: "Request for unknown model: '' is not found",
  },
  {
    what: "unknown version",
    request: net({ version: "7" }),
    code: "NOT_FOUND",
    text: "Request for unknown model: 'net' version 7 is not found",
  },
  {
    what: "version 0",
    request: net({ version: "0" }),
    code: "NOT_FOUND",
    text: "Request for unknown model: 'net' version 0 is not found",
  },
  {
    what: "a version that is no number",
    request: net({ version: "x" }),
    code: invalid,
    text: "failed to get model version from specified version string 'x' (details: stol), version should be an integral value > 0",
  },
  {
    what: "negative version",
    request: net({ version: "-1" }),
    code: invalid,
    text: "invalid model version specified '-1' , version should be an integral value > 0",
  },
  { what: "a version with a fraction", request: net({ version: "1.5" }), code: "OK", differs: unparsed },
  { what: "a version with a zero in front", request: plain("01"), code: "OK" },
  {
    what: "version that another one surrounds",
    request: plain("2"),
    code: "NOT_FOUND",
    text: "Request for unknown model: 'plain' version 2 is not found",
  },
  {
    what: "wrong type",
    request: x("INT32", [1, 2, 4], eight),
    code: invalid,
    text: "[request id: q] inference input 'x' data-type is 'INT32', but model 'net' expects 'FP32'",
  },
  {
    what: "wrong type and size",
    request: x("INT32", [1, 2, 4], float32(1)),
    code: invalid,
    text: "[request id: q] inference input 'x' data-type is 'INT32', but model 'net' expects 'FP32'",
  },
  {
    what: "unknown type",
    request: x("FLOAT", [1, 2, 4], eight),
    code: invalid,
    text: "[request id: q] inference input 'x' data-type is '<invalid>', but model 'net' expects 'FP32'",
  },
  {
    what: "no type",
    request: x("", [1, 2, 4], eight),
    code: invalid,
    text: "[request id: q] inference input 'x' data-type is '<invalid>', but model 'net' expects 'FP32'",
  },
  {
    what: "wrong shape",
    request: x("FP32", [1, 2, 3], float32(1, 2, 3, 4, 5, 6)),
    code: invalid,
    text: `[request id: q] unexpected shape for input 'x' for model 'net'. Expected [-1,2,4], got [1,2,3]. ${NOTE}`,
  },
  {
    what: "wrong shape and size",
    request: x("FP32", [1, 2, 3], float32(1)),
    code: invalid,
    text: `[request id: q] unexpected shape for input 'x' for model 'net'. Expected [-1,2,4], got [1,2,3]. ${NOTE}`,
  },
  {
    what: "wrong rank",
    request: x("FP32", [2, 4], eight),
    code: invalid,
    text: `[request id: q] unexpected shape for input 'x' for model 'net'. Expected [-1,2,4], got [2,4]. ${NOTE}`,
  },
  {
    what: "no shape",
    request: x("FP32", [], float32(1)),
    code: invalid,
    text: "[request id: q] input 'x' has no shape but model requires batch dimension for 'net'",
  },
  {
    what: "wrong shape without a batch",
    request: inferRequest("plain", [["x", "FP32", [4], float32(1, 2, 3, 4)]], { id: "q" }),
    code: invalid,
    text: "[request id: q] unexpected shape for input 'x' for model 'plain'. Expected [3], got [4]. ",
  },
  {
    what: "wrong rank of a variable shape",
    request: inferRequest("variable", [["x", "FP32", [3], float32(1, 2, 3)]], { id: "q" }),
    code: invalid,
    text: "[request id: q] unexpected shape for input 'x' for model 'variable'. Expected [-1,-1], got [3]. ",
  },
  {
    what: "a size left open",
    request: inferRequest("variable", [["x", "FP32", [-1, 3], float32(1, 2, 3)]], { id: "q" }),
    code: invalid,
    text: "[request id: q] All input dimensions should be specified for input 'x' for model 'variable', got [-1,3]",
  },
  {
    what: "a batch left open",
    request: x("FP32", [-1, 2, 4], eight),
    code: invalid,
    text: "[request id: q] input byte size mismatch for input 'x' for model 'net'. Expected 137438953440, got 32",
    differs: {
      why: "Triton reads -1 as 4294967295; ours names the mistake",
      embedded: {
        code: invalid,
        text: "[request id: q] inference request batch-size must be >= 1 for 'net'",
      },
    },
  },
  {
    what: "an empty batch",
    request: x("FP32", [0, 2, 4], new Uint8Array(0)),
    code: invalid,
    text: "[request id: q] input byte size mismatch for input 'x' for model 'net'. Expected 32, got 0",
    differs: {
      why: "Triton takes a batch of 0 for none and then answers without a batch dimension; ours names the mistake",
      embedded: {
        code: invalid,
        text: "[request id: q] inference request batch-size must be >= 1 for 'net'",
      },
    },
  },
];
