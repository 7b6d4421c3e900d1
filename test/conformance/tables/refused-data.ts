import { float32, int32, texts } from "../wire/bytes.ts";
import { type InferInit, type InferOptions, type Input, inferRequest } from "../wire/messages.ts";
import type { Refused } from "./refused.ts";

const eight = float32(0, 1, 2, 3, 4, 5, 6, 7);

const net = (options: InferOptions = {}): InferInit =>
  inferRequest("net", [["x", "FP32", [1, 2, 4], eight]], { id: "q", ...options });

const x = (datatype: string, shape: Input[2], data: Input[3]): InferInit =>
  inferRequest("net", [["x", datatype, shape, data]], { id: "q" });

const sixteen = int32(...new Array<number>(16).fill(1));

const simple = (...inputs: readonly Input[]): InferInit => inferRequest("simple", inputs, { id: "q" });

const operand = (name: string, batch = 1): Input => [
  name,
  "INT32",
  [batch, 16],
  Buffer.concat(new Array<Uint8Array>(batch).fill(sixteen)),
];

const greeting = (text: Input[3]): InferInit =>
  inferRequest(
    "greeter",
    [
      ["text", "BYTES", [1], text],
      ["n", "INT32", [1], text instanceof Uint8Array ? int32(4) : { intContents: [4] }],
    ],
    { id: "q" },
  );

const scores = (parameters: NonNullable<InferOptions["parameters"]>): InferInit =>
  inferRequest(
    "scores",
    [
      ["x", "FP32", [1, 4], float32(0.1, 0.9, 0.3, 0.2)],
      ["k", "INT32", [1, 3], int32(3, 1, 2)],
    ],
    { outputs: [["y", parameters]] },
  );

const invalid = "INVALID_ARGUMENT";

/** Data, inputs, outputs and parameters that do not fit. */
export const REFUSED_DATA: readonly Refused[] = [
  {
    what: "batch too large",
    request: x("FP32", [9, 2, 4], new Uint8Array(288)),
    code: invalid,
    text: "[request id: q] inference request batch-size must be <= 8 for 'net'",
  },
  {
    what: "batch too large and of the wrong size",
    request: x("FP32", [9, 2, 4], eight),
    code: invalid,
    text: "[request id: q] inference request batch-size must be <= 8 for 'net'",
  },
  {
    what: "batches that differ",
    request: simple(operand("INPUT0", 1), operand("INPUT1", 2)),
    code: invalid,
    text: "[request id: q] input 'INPUT0' batch size does not match other inputs for 'simple'",
  },
  {
    what: "too few bytes",
    request: x("FP32", [1, 2, 4], new Uint8Array(5)),
    code: invalid,
    text: "[request id: q] input byte size mismatch for input 'x' for model 'net'. Expected 32, got 5",
  },
  {
    what: "no bytes",
    request: x("FP32", [1, 2, 4], new Uint8Array(0)),
    code: invalid,
    text: "[request id: q] input byte size mismatch for input 'x' for model 'net'. Expected 32, got 0",
  },
  {
    what: "too few typed numbers",
    request: x("FP32", [1, 2, 4], { fp32Contents: [1, 2, 3] }),
    code: invalid,
    text: "[request id: q] input byte size mismatch for input 'x' for model 'net'. Expected 32, got 12",
  },
  {
    what: "numbers of another type",
    request: x("FP32", [1, 2, 4], { intContents: [1, 2, 3, 4, 5, 6, 7, 8] }),
    code: invalid,
    text: "unexpected explicit tensor data for input tensor 'x' for model 'net' of type 'INT32', expected datatype 'FP32'",
  },
  {
    what: "FP16 as typed numbers",
    request: inferRequest("types", [["IN_FP16", "FP16", [1], { fp32Contents: [1] }]]),
    code: invalid,
    text: "unexpected explicit tensor data for input tensor 'IN_FP16' for model 'types' of type 'FP32', expected datatype 'FP16'",
  },
  {
    what: "contents and raw contents",
    request: {
      ...inferRequest("net", [["x", "FP32", [1, 2, 4], { fp32Contents: [1] }]], { id: "q" }),
      rawInputContents: [eight],
    },
    code: invalid,
    text: "contents field must not be specified when using raw_input_contents for 'x' for model 'net'",
  },
  {
    what: "neither",
    request: x("FP32", [1, 2, 4], undefined),
    code: invalid,
    text: "unable to find data for input tensor 'x' for model 'net' in request.",
  },
  {
    what: "one of two without data",
    request: simple(operand("INPUT0"), ["INPUT1", "INT32", [1, 16], undefined]),
    code: invalid,
    text: "unable to find data for input tensor 'INPUT1' for model 'simple' in request.",
  },
  {
    what: "more raw contents than inputs",
    request: { ...net(), rawInputContents: [eight, eight] },
    code: "OK",
    differs: {
      why: "bytes that belong to no input are a client's mistake, and its outputs would be another input's",
      embedded: { code: invalid, text: "expected 1 inputs' raw contents but got 2 for model 'net'" },
    },
  },
  {
    what: "missing input",
    request: simple(operand("INPUT0")),
    code: invalid,
    text: "[request id: q] expected 2 inputs but got 1 inputs for model 'simple'. Got input(s) ['INPUT0'], but missing required input(s) ['INPUT1']. Please provide all required input(s).",
  },
  {
    what: "no inputs, no id",
    request: inferRequest("simple", []),
    code: invalid,
    text: "[request id: <id_unknown>] expected 2 inputs but got 0 inputs for model 'simple'. Got input(s) [], but missing required input(s) ['INPUT0','INPUT1']. Please provide all required input(s).",
  },
  {
    what: "unknown input",
    request: inferRequest("net", [["q", "FP32", [1, 2, 4], eight]]),
    code: invalid,
    text: "unexpected inference input 'q' for model 'net'",
  },
  {
    what: "one input too many",
    request: simple(operand("INPUT0"), operand("INPUT1"), operand("q")),
    code: invalid,
    text: "[request id: q] expected 2 inputs but got 3 inputs for model 'simple'. Got input(s) ['q','INPUT1','INPUT0'], but missing required input(s) ]. Please provide all required input(s).",
    differs: {
      why: "Triton asks for inputs that are all there; ours names the one that is not wanted",
      embedded: { code: invalid, text: "unexpected inference input 'q' for model 'simple'" },
    },
  },
  {
    what: "an input twice",
    request: simple(operand("INPUT0"), operand("INPUT0")),
    code: invalid,
    text: "[request id: q] input 'INPUT0' already exists in request",
  },
  {
    what: "unknown output",
    request: net({ outputs: ["zz"] }),
    code: invalid,
    text: "unexpected inference output 'zz' for model 'net'",
  },
  {
    what: "unknown input and output",
    request: inferRequest("net", [["q", "FP32", [1], float32(1)]], { outputs: ["zz"] }),
    code: invalid,
    text: "unexpected inference output 'zz' for model 'net'",
  },
  { what: "an output twice", request: net({ outputs: ["y", "y"] }), code: "OK" },
  {
    what: "a text longer than its bytes",
    request: greeting(Buffer.from([50, 0, 0, 0, 104, 105])),
    code: invalid,
    text: "incomplete string data for inference input 'text', expecting string of length 50 but only 2 bytes available",
  },
  {
    what: "a length cut short",
    request: greeting(Buffer.from([1, 0])),
    code: invalid,
    text: "[request id: q] incomplete string length indicator for inference input 'text' for model 'greeter', expecting 4 bytes but only 2 bytes available. Please make sure the string length indicator is in one buffer.",
  },
  {
    what: "one text too many",
    request: greeting(texts("a", "b")),
    code: invalid,
    text: "[request id: q] unexpected number of string elements 2 for inference input 'text' for model 'greeter', expecting 1",
  },
  {
    what: "no text",
    request: greeting(new Uint8Array(0)),
    code: invalid,
    text: "[request id: q] expected 1 string elements for inference input 'text' for model 'greeter', got 0",
  },
  {
    what: "one typed text too many",
    request: greeting({ bytesContents: [Buffer.from("a"), Buffer.from("b")] }),
    code: invalid,
    text: "[request id: q] unexpected number of string elements 2 for inference input 'text' for model 'greeter', expecting 1",
  },
  {
    what: "priority of the wrong type",
    request: net({ parameters: { priority: "x" } }),
    code: invalid,
    text: "invalid value type for 'priority' parameter, expected int64_param or uint64_param.",
  },
  {
    what: "timeout of the wrong type",
    request: net({ parameters: { timeout: "x" } }),
    code: invalid,
    text: "invalid value type for 'timeout' parameter, expected int64_param.",
  },
  {
    what: "a reserved parameter",
    request: net({ parameters: { triton_foo: 3n } }),
    code: invalid,
    text: "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response",
  },
  {
    what: "parameters that nobody knows",
    request: net({ parameters: { foo: "bar", n: 3n, b: true, d: 1.5 } }),
    code: "OK",
  },
  {
    what: "no classes",
    request: scores({ classification: 0n }),
    code: invalid,
    text: "invalid value for 'classification' parameter, expected >= 0",
  },
  {
    what: "classes of the wrong type",
    request: scores({ classification: "2" }),
    code: invalid,
    text: "invalid value type for 'classification' parameter, expected int64_param",
  },
  {
    what: "decoupled by unary call",
    request: inferRequest("repeat", [
      ["IN", "INT32", [1], int32(1)],
      ["DELAY", "UINT32", [1], int32(0)],
      ["WAIT", "UINT32", [1], int32(0)],
    ]),
    code: "UNIMPLEMENTED",
    text: "ModelInfer RPC doesn't support models with decoupled transaction policy",
  },
];
