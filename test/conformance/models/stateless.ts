import {
  constant,
  graphAttribute,
  node,
  onnxTwin,
  type Port,
  TWIN_TYPES,
  type TwinType,
  valueInfo,
} from "./onnx-twin.ts";
import { type ConfigType, io, ONE_INSTANCE, pythonModel, type TwinModel } from "./twin-model.ts";

function scaled(by: number, shape: Port[2]): Uint8Array {
  return onnxTwin({
    inputs: [["x", "FP32", shape]],
    outputs: [["y", "FP32", shape]],
    nodes: [constant("k", "FP32", by), node("Mul", ["x", "k"], "y")],
  });
}

/** y = 2 x, in batches of at most 8. */
const net: TwinModel = {
  name: "net",
  config: `max_batch_size: 8\n${io({ x: ["FP32", [2, 4]] }, { y: ["FP32", [2, 4]] })}${ONE_INSTANCE}`,
  python: { code: pythonModel("def answer(self, a):\n    return {'y': a['x'] * np.float32(2)}") },
  onnx: { graphs: { "1": scaled(2, ["batch", 2, 4]) } },
};

/** The same, put together with others for at most a fifth of a second. */
const dynamic: TwinModel = {
  ...net,
  name: "dynamic",
  config: `${net.config}dynamic_batching { preferred_batch_size: [4] max_queue_delay_microseconds: 200000 }\n`,
};

/** Sum and difference of two inputs. */
const simple: TwinModel = {
  name: "simple",
  config: `max_batch_size: 8\n${io(
    { INPUT0: ["INT32", [16]], INPUT1: ["INT32", [16]] },
    { OUTPUT0: ["INT32", [16]], OUTPUT1: ["INT32", [16]] },
  )}${ONE_INSTANCE}`,
  python: {
    code: pythonModel(
      "def answer(self, a):\n    return {'OUTPUT0': a['INPUT0'] + a['INPUT1'], 'OUTPUT1': a['INPUT0'] - a['INPUT1']}",
    ),
  },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [
          ["INPUT0", "INT32", ["batch", 16]],
          ["INPUT1", "INT32", ["batch", 16]],
        ],
        outputs: [
          ["OUTPUT0", "INT32", ["batch", 16]],
          ["OUTPUT1", "INT32", ["batch", 16]],
        ],
        nodes: [node("Add", ["INPUT0", "INPUT1"], "OUTPUT0"), node("Sub", ["INPUT0", "INPUT1"], "OUTPUT1")],
      }),
    },
  },
};

/** Versions 1 and 7: y = 2 x and y = 3 x. */
const plain: TwinModel = {
  name: "plain",
  config: `version_policy { all {} }\n${io({ x: ["FP32", [3]] }, { y: ["FP32", [3]] })}${ONE_INSTANCE}`,
  versions: ["1", "7"],
  python: {
    code: pythonModel(
      "def answer(self, a):\n    return {'y': a['x'] * self.by}",
      "self.by = np.float32({'1': 2, '7': 3}[args['model_version']])",
    ),
  },
  onnx: { graphs: { "1": scaled(2, [3]), "7": scaled(3, [3]) } },
};

/** y = x + 1 of any matrix. */
const variable: TwinModel = {
  name: "variable",
  config: `${io({ x: ["FP32", [-1, -1]] }, { y: ["FP32", [-1, -1]] })}${ONE_INSTANCE}`,
  python: { code: pythonModel("def answer(self, a):\n    return {'y': a['x'] + np.float32(1)}") },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["x", "FP32", ["rows", "columns"]]],
        outputs: [["y", "FP32", ["rows", "columns"]]],
        nodes: [constant("one", "FP32", 1), node("Add", ["x", "one"], "y")],
      }),
    },
  },
};

const configType = (type: TwinType): ConfigType => (type === "BYTES" ? "STRING" : type);

/** Every element type that both run, each given back as it came. */
const types: TwinModel = {
  name: "types",
  config: `${io(
    Object.fromEntries(TWIN_TYPES.map((type) => [`IN_${type}`, [configType(type), [-1]] as const])),
    Object.fromEntries(TWIN_TYPES.map((type) => [`OUT_${type}`, [configType(type), [-1]] as const])),
  )}${ONE_INSTANCE}`,
  python: {
    code: pythonModel(
      "def answer(self, a):\n    return {'OUT' + name[2:]: value for name, value in a.items()}",
    ),
  },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: TWIN_TYPES.map((type): Port => [`IN_${type}`, type, [`n_${type}`]]),
        outputs: TWIN_TYPES.map((type): Port => [`OUT_${type}`, type, [`n_${type}`]]),
        nodes: TWIN_TYPES.map((type) => node("Identity", [`IN_${type}`], `OUT_${type}`)),
      }),
    },
  },
};

const BF16_CONFIG = `${io({ IN: ["BF16", [-1]] }, { OUT: ["BF16", [-1]] })}${ONE_INSTANCE}`;
const BF16_PYTHON = {
  code: `
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor.from_dlpack('OUT', pb.get_input_tensor_by_name(r, 'IN').to_dlpack())])
                for r in requests]
`,
};

/** BF16, which neither numpy nor ONNX Runtime's JavaScript has: handed on as it is. */
const bf16: TwinModel = {
  name: "bf16",
  config: BF16_CONFIG,
  python: BF16_PYTHON,
  onnx: {
    config:
      'backend: "strainflow"\nparameters { key: "strainflow.native" value: { string_value: "identity" } }\n',
    graphs: {},
  },
};

/** The same, by a graph. */
const bf16Graph: TwinModel = {
  name: "bf16-graph",
  config: BF16_CONFIG,
  python: BF16_PYTHON,
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["IN", "BF16", ["n"]]],
        outputs: [["OUT", "BF16", ["n"]]],
        nodes: [node("Identity", ["IN"], "OUT")],
      }),
    },
  },
};

/** Scores with labels. */
const scores: TwinModel = {
  name: "scores",
  config: `max_batch_size: 4\n${io(
    { x: ["FP32", [4]], k: ["INT32", [3]] },
    { y: ["FP32", [4], 'label_filename: "labels.txt"'], z: ["INT32", [3]] },
  )}${ONE_INSTANCE}`,
  files: { "labels.txt": "noise\nbbh\nglitch\nbns\n" },
  python: { code: pythonModel("def answer(self, a):\n    return {'y': a['x'], 'z': a['k']}") },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [
          ["x", "FP32", ["batch", 4]],
          ["k", "INT32", ["batch", 3]],
        ],
        outputs: [
          ["y", "FP32", ["batch", 4]],
          ["z", "INT32", ["batch", 3]],
        ],
        nodes: [node("Identity", ["x"], "y"), node("Identity", ["k"], "z")],
      }),
    },
  },
};

const scalar: Port[2] = [];
/** Takes as many milliseconds as it is told to, or some such time; gives the number back. */
const work: TwinModel = {
  name: "work",
  config: `${io({ ms: ["INT64", [1]] }, { done: ["INT64", [1]] })}${ONE_INSTANCE}`,
  python: {
    code: pythonModel(
      "def answer(self, a):\n    time.sleep(float(a['ms'][0]) / 1000)\n    return {'done': a['ms']}",
    ),
  },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["ms", "INT64", [1]]],
        outputs: [["done", "INT64", [1]]],
        nodes: [
          constant("per_ms", "INT64", 400),
          node("Squeeze", ["ms"], "count"),
          node("Mul", ["count", "per_ms"], "trips"),
          constant("go", "BOOL", 1),
          constant("zero", "INT64", 0),
          node("Loop", ["trips", "go", "zero"], "burnt", [
            graphAttribute("body", {
              name: "body",
              input: [
                valueInfo(["i", "INT64", scalar]),
                valueInfo(["on", "BOOL", scalar]),
                valueInfo(["v", "INT64", scalar]),
              ],
              output: [valueInfo(["on_out", "BOOL", scalar]), valueInfo(["v_out", "INT64", scalar])],
              node: [
                node("Identity", ["on"], "on_out"),
                constant("inner", "INT64", 1),
                node("Sub", ["v", "inner"], "less"),
                node("Add", ["less", "inner"], "v_out"),
              ],
            }),
          ]),
          node("Add", ["ms", "burnt"], "done"),
        ],
      }),
    },
  },
};

/** Text in, text out: for `generate`. */
const greeter: TwinModel = {
  name: "greeter",
  config: `${io({ text: ["STRING", [1]], n: ["INT32", [1]] }, { answer: ["STRING", [1]], twice: ["INT32", [1]] })}${ONE_INSTANCE}`,
  python: {
    code: pythonModel("def answer(self, a):\n    return {'answer': a['text'], 'twice': a['n'] + a['n']}"),
  },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [
          ["text", "BYTES", [1]],
          ["n", "INT32", [1]],
        ],
        outputs: [
          ["answer", "BYTES", [1]],
          ["twice", "INT32", [1]],
        ],
        nodes: [node("Identity", ["text"], "answer"), node("Add", ["n", "n"], "twice")],
      }),
    },
  },
};

export const STATELESS: readonly TwinModel[] = [
  net,
  dynamic,
  simple,
  plain,
  variable,
  types,
  bf16,
  bf16Graph,
  scores,
  work,
  greeter,
];
