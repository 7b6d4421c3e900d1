import { AttributeProto_AttributeType as AttributeType } from "@strainflow/proto";
import { integerConstant, node, onnxTwin } from "./onnx-twin.ts";
import { io, ONE_INSTANCE, pythonModel, type TwinModel } from "./twin-model.ts";

/* `repeat`, whose responses are as many as its input has elements, and steps for ensembles around it. */

const ASKED = { IN: ["INT32", [-1]], DELAY: ["UINT32", [-1]], WAIT: ["UINT32", [1]] } as const;

/** Triton's example: each element of IN comes back as a response of its own after its DELAY; WAIT holds the request. */
const repeat: TwinModel = {
  name: "repeat",
  config: `model_transaction_policy { decoupled: true }\n${io(ASKED, {
    OUT: ["INT32", [1]],
    IDX: ["UINT32", [1]],
  })}${ONE_INSTANCE}`,
  python: {
    code: `
import time
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def execute(self, requests):
        for r in requests:
            sender = r.get_response_sender()
            values = pb.get_input_tensor_by_name(r, 'IN').as_numpy()
            delays = pb.get_input_tensor_by_name(r, 'DELAY').as_numpy()
            for i, (value, delay) in enumerate(zip(values, delays)):
                time.sleep(float(delay) / 1000)
                sender.send(pb.InferenceResponse([
                    pb.Tensor('OUT', np.array([value], np.int32)), pb.Tensor('IDX', np.array([i], np.uint32))]))
            sender.send(flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None
`,
  },
  onnx: {
    config:
      'backend: "strainflow"\nparameters { key: "strainflow.native" value: { string_value: "repeat" } }\n',
    graphs: {},
  },
};

/** y = 10 x. */
const tenfold: TwinModel = {
  name: "tenfold",
  config: `${io({ x: ["INT32", [1]] }, { y: ["INT32", [1]] })}${ONE_INSTANCE}`,
  python: { code: pythonModel("def answer(self, a):\n    return {'y': a['x'] * np.int32(10)}") },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["x", "INT32", [1]]],
        outputs: [["y", "INT32", [1]]],
        nodes: [integerConstant("ten", "INT32", [10]), node("Mul", ["x", "ten"], "y")],
      }),
    },
  },
};

const plus: TwinModel = {
  name: "plus",
  config: `${io({ a: ["INT32", [1]], b: ["INT32", [1]] }, { y: ["INT32", [1]] })}${ONE_INSTANCE}`,
  python: { code: pythonModel("def answer(self, a):\n    return {'y': a['a'] + a['b']}") },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [
          ["a", "INT32", [1]],
          ["b", "INT32", [1]],
        ],
        outputs: [["y", "INT32", [1]]],
        nodes: [node("Add", ["a", "b"], "y")],
      }),
    },
  },
};

/** What makes `repeat` say x, x + 1 and x + 2. */
const fan: TwinModel = {
  name: "fan",
  config: `${io(
    { x: ["INT32", [1]] },
    { values: ["INT32", [3]], delays: ["UINT32", [3]], wait: ["UINT32", [1]] },
  )}${ONE_INSTANCE}`,
  python: {
    code: pythonModel(
      "def answer(self, a):\n    return {'values': a['x'] + np.arange(3, dtype=np.int32), 'delays': np.zeros(3, np.uint32), 'wait': np.zeros(1, np.uint32)}",
    ),
  },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["x", "INT32", [1]]],
        outputs: [
          ["values", "INT32", [3]],
          ["delays", "UINT32", [3]],
          ["wait", "UINT32", [1]],
        ],
        nodes: [
          integerConstant("steps", "INT32", [0, 1, 2]),
          node("Add", ["x", "steps"], "values"),
          integerConstant("delays", "UINT32", [0, 0, 0]),
          integerConstant("wait", "UINT32", [0]),
        ],
      }),
    },
  },
};

/** Fails for anything but 0 to 4. */
const picky: TwinModel = {
  name: "picky",
  config: `${io({ x: ["INT32", [1]] }, { y: ["INT32", [1]] })}${ONE_INSTANCE}`,
  python: {
    code: pythonModel("def answer(self, a):\n    return {'y': np.array([5, 6, 7, 8, 9], np.int32)[a['x']]}"),
  },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["x", "INT32", [1]]],
        outputs: [["y", "INT32", [1]]],
        nodes: [
          integerConstant("table", "INT32", [5, 6, 7, 8, 9]),
          node("Gather", ["table", "x"], "y", [{ name: "axis", type: AttributeType.INT, i: 0n }]),
        ],
      }),
    },
  },
};

/** The sum so far of a sequence's numbers. */
const tally: TwinModel = {
  name: "tally",
  config: `${io({ x: ["INT32", [1]] }, { total: ["INT32", [1]] })}instance_group [ { count: 2 kind: KIND_CPU } ]\n`,
  python: {
    config: `sequence_batching { max_sequence_idle_microseconds: 5000000 direct {}
  control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } ] } ] }\n`,
    code: pythonModel(
      `
def answer(self, a):
    if a['START'].reshape(-1)[0] == 1:
        self.total = np.int32(0)
    self.total = self.total + a['x'].reshape(-1)[0]
    return {'total': np.full([1], self.total, np.int32)}`,
      "self.total = np.int32(0)",
    ),
  },
  onnx: {
    config: `sequence_batching { max_sequence_idle_microseconds: 5000000 direct {}
  state [ { input_name: "sum_in" output_name: "sum_out" data_type: TYPE_INT32 dims: [1]
    initial_state { name: "zero" data_type: TYPE_INT32 dims: [1] zero_data: true } } ] }\n`,
    graphs: {
      "1": onnxTwin({
        inputs: [
          ["x", "INT32", [1]],
          ["sum_in", "INT32", [1]],
        ],
        outputs: [
          ["total", "INT32", [1]],
          ["sum_out", "INT32", [1]],
        ],
        nodes: [node("Add", ["x", "sum_in"], "total"), node("Identity", ["total"], "sum_out")],
      }),
    },
  },
};

type Map = Readonly<Record<string, string>>;
export type EnsembleStep = readonly [model: string, inputs: Map, outputs: Map];

const entries = (field: string, map: Map): string =>
  Object.entries(map)
    .map(([key, value]) => `${field} { key: "${key}" value: "${value}" }`)
    .join(" ");

export function ensemble(
  name: string,
  inputs: Parameters<typeof io>[0],
  outputs: Parameters<typeof io>[1],
  steps: readonly EnsembleStep[],
): TwinModel {
  const written = steps.map(
    ([model, from, to]) =>
      `  { model_name: "${model}" model_version: -1 ${entries("input_map", from)} ${entries("output_map", to)} }`,
  );
  return {
    name,
    config: `platform: "ensemble"\n${io(inputs, outputs)}ensemble_scheduling { step [\n${written.join(",\n")}\n] }\n`,
  };
}

const REPEAT: Map = { IN: "IN", DELAY: "DELAY", WAIT: "WAIT" };

export const DECOUPLED: readonly TwinModel[] = [
  repeat,
  tenfold,
  plus,
  fan,
  picky,
  tally,
  // Each response goes on through the rest.
  ensemble("each", ASKED, { OUT: ["INT32", [1]], IDX: ["UINT32", [1]] }, [
    ["repeat", REPEAT, { OUT: "said", IDX: "IDX" }],
    ["tenfold", { x: "said" }, { y: "OUT" }],
  ]),
  // Branches of one response meet again.
  ensemble("forked", ASKED, { OUT: ["INT32", [1]], IDX: ["UINT32", [1]] }, [
    ["repeat", REPEAT, { OUT: "said", IDX: "IDX" }],
    ["tenfold", { x: "said" }, { y: "ten" }],
    ["tenfold", { x: "ten" }, { y: "hundred" }],
    ["tenfold", { x: "said" }, { y: "other" }],
    ["plus", { a: "hundred", b: "other" }, { y: "OUT" }],
  ]),
  // A decoupled step behind another.
  ensemble("nested", ASKED, { OUT: ["INT32", [1]], IDX: ["UINT32", [1]] }, [
    ["repeat", REPEAT, { OUT: "said" }],
    ["fan", { x: "said" }, { values: "values", delays: "delays", wait: "wait" }],
    ["repeat", { IN: "values", DELAY: "delays", WAIT: "wait" }, { OUT: "again", IDX: "IDX" }],
    ["tenfold", { x: "again" }, { y: "OUT" }],
  ]),
  // A stateful step behind it.
  ensemble("counted", ASKED, { total: ["INT32", [1]] }, [
    ["repeat", REPEAT, { OUT: "said" }],
    ["tally", { x: "said" }, { total: "total" }],
  ]),
  // A step that fails for some.
  ensemble("picked", ASKED, { OUT: ["INT32", [1]] }, [
    ["repeat", REPEAT, { OUT: "said" }],
    ["picky", { x: "said" }, { y: "OUT" }],
  ]),
];
