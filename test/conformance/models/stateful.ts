import { constant, node, onnxTwin, type Port } from "./onnx-twin.ts";
import { io, pythonModel, type TwinModel } from "./twin-model.ts";

const START = `control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } ] } ]`;
const READY = `control_input [ { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [0, 1] } ] } ]`;
const CORRID = `control_input [ { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_INT64 } ] } ]`;

/** The sum so far of a sequence's numbers: an instance of one slot holds it. */
const PYTHON_SUM = pythonModel(
  `
def answer(self, a):
    if a['START'].reshape(-1)[0] == 1:
        self.total = np.float32(0)
    self.total = self.total + a['x'].reshape(-1)[0]
    return {'total': np.full(a['x'].shape, self.total, np.float32)}`,
  "self.total = np.float32(0)",
);
/** The same where several sequences share an instance; a batch has a place for each slot, also for silent ones. */
const PYTHON_SUMS = pythonModel(
  `
def answer(self, a):
    if a['READY'].reshape(-1)[0] == 0:
        return {'total': np.zeros(a['x'].shape, np.float32)}
    key = int(a['CORRID'].reshape(-1)[0])
    if a['START'].reshape(-1)[0] == 1:
        self.totals[key] = np.float32(0)
    self.totals[key] = self.totals[key] + a['x'].reshape(-1)[0]
    return {'total': np.full(a['x'].shape, self.totals[key], np.float32)}`,
  "self.totals = {}",
);

const STATE = `state [ { input_name: "sum_in" output_name: "sum_out" data_type: TYPE_FP32 dims: [1]
  initial_state { name: "zero" data_type: TYPE_FP32 dims: [1] zero_data: true } } ]`;

function sumGraph(shape: Port[2]): Uint8Array {
  return onnxTwin({
    inputs: [
      ["x", "FP32", shape],
      ["sum_in", "FP32", shape],
    ],
    outputs: [
      ["total", "FP32", shape],
      ["sum_out", "FP32", shape],
    ],
    nodes: [node("Add", ["x", "sum_in"], "total"), node("Identity", ["total"], "sum_out")],
  });
}

interface SumOptions {
  readonly name: string;
  readonly batch?: number;
  readonly instances: number;
  /** Milliseconds; absent: the default of one second. */
  readonly idleMs?: number;
  readonly strategy?: string;
}

function sum({ name, batch = 0, instances, idleMs, strategy = "direct {}" }: SumOptions): TwinModel {
  const idle = idleMs === undefined ? "" : `max_sequence_idle_microseconds: ${idleMs * 1000}`;
  const shared = batch > 0;
  const sequences = (more: string): string => `sequence_batching { ${idle} ${strategy} ${more} }\n`;
  return {
    name,
    config: `max_batch_size: ${batch}\n${io({ x: ["FP32", [1]] }, { total: ["FP32", [1]] })}instance_group [ { count: ${instances} kind: KIND_CPU } ]\n`,
    python: {
      config: sequences(shared ? `${START} ${READY} ${CORRID}` : START),
      code: shared ? PYTHON_SUMS : PYTHON_SUM,
    },
    onnx: { config: sequences(STATE), graphs: { "1": sumGraph(shared ? ["batch", 1] : [1]) } },
  };
}

function control(name: string, what: string): string {
  return `{ name: "${name}" control [ { kind: CONTROL_SEQUENCE_${what} } ] }`;
}

/** What a model is told of its sequence. */
function told(name: string, type: "INT64" | "UINT64" | "INT32" | "UINT32" | "BYTES"): TwinModel {
  const config = type === "BYTES" ? "STRING" : type;
  return {
    name,
    config: `${io(
      { x: ["FP32", [1]] },
      {
        y: ["FP32", [1]],
        start: ["INT32", [1]],
        end: ["FP32", [1]],
        ready: ["BOOL", [1]],
        corrid: [config, [1]],
      },
    )}instance_group [ { count: 2 kind: KIND_CPU } ]
sequence_batching {
  max_sequence_idle_microseconds: 5000000
  direct {}
  control_input [
    ${control("START", "START int32_false_true: [-1, 7]")},
    ${control("END", "END fp32_false_true: [0.5, 1.5]")},
    ${control("READY", "READY bool_false_true: [false, true]")},
    ${control("CORRID", `CORRID data_type: TYPE_${config}`)}
  ]
}
`,
    python: {
      code: pythonModel(
        "def answer(self, a):\n    return {'y': a['x'], 'start': a['START'], 'end': a['END'], 'ready': a['READY'], 'corrid': a['CORRID']}",
      ),
    },
    onnx: {
      graphs: {
        "1": onnxTwin({
          inputs: [
            ["x", "FP32", [1]],
            ["START", "INT32", [1]],
            ["END", "FP32", [1]],
            ["READY", "BOOL", [1]],
            ["CORRID", type, [1]],
          ],
          outputs: [
            ["y", "FP32", [1]],
            ["start", "INT32", [1]],
            ["end", "FP32", [1]],
            ["ready", "BOOL", [1]],
            ["corrid", type, [1]],
          ],
          nodes: [
            node("Identity", ["x"], "y"),
            node("Identity", ["START"], "start"),
            node("Identity", ["END"], "end"),
            node("Identity", ["READY"], "ready"),
            node("Identity", ["CORRID"], "corrid"),
          ],
        }),
      },
    },
  };
}

/** y = 2 x. */
const double: TwinModel = {
  name: "double",
  config: `${io({ x: ["FP32", [1]] }, { y: ["FP32", [1]] })}instance_group [ { count: 1 kind: KIND_CPU } ]\n`,
  python: { code: pythonModel("def answer(self, a):\n    return {'y': a['x'] * np.float32(2)}") },
  onnx: {
    graphs: {
      "1": onnxTwin({
        inputs: [["x", "FP32", [1]]],
        outputs: [["y", "FP32", [1]]],
        nodes: [constant("two", "FP32", 2), node("Mul", ["x", "two"], "y")],
      }),
    },
  },
};

/** Stateful steps on both sides of a stateless one: the sum, its double, and the sum of the doubles. */
const chain: TwinModel = {
  name: "chain",
  config: `platform: "ensemble"
${io({ update: ["FP32", [1]] }, { total: ["FP32", [1]], doubled: ["FP32", [1]], grand: ["FP32", [1]] })}
ensemble_scheduling { step [
  { model_name: "first" model_version: -1 input_map { key: "x" value: "update" } output_map { key: "total" value: "total" } },
  { model_name: "double" model_version: -1 input_map { key: "x" value: "total" } output_map { key: "y" value: "doubled" } },
  { model_name: "second" model_version: -1 input_map { key: "x" value: "doubled" } output_map { key: "total" value: "grand" } }
] }
`,
};

export const STATEFUL: readonly TwinModel[] = [
  sum({ name: "sum", instances: 2, idleMs: 5000 }),
  sum({ name: "brief", instances: 1 }),
  sum({ name: "single", instances: 1, idleMs: 60_000 }),
  sum({ name: "lanes", batch: 4, instances: 1, idleMs: 5000 }),
  sum({
    name: "oldest",
    batch: 4,
    instances: 1,
    idleMs: 5000,
    strategy: "oldest { max_candidate_sequences: 3 }",
  }),
  sum({ name: "first", instances: 2, idleMs: 5000 }),
  sum({ name: "second", instances: 2, idleMs: 5000 }),
  told("told", "INT64"),
  told("told-uint32", "UINT32"),
  told("told-string", "BYTES"),
  double,
  chain,
];
