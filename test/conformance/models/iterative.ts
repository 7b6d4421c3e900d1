import { integerConstant, node, onnxTwin } from "./onnx-twin.ts";
import { io, type TwinModel } from "./twin-model.ts";

const CONTROLS = `control_input [
  { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [0, 1] } ] },
  { name: "CORRID" control [ { kind: CONTROL_SEQUENCE_CORRID data_type: TYPE_UINT64 } ] } ]`;

/** Adds 1, 2, … to x, one more with each run: the sum when it is done, or after each run where it is decoupled. */
function climb(name: string, decoupled: boolean): TwinModel {
  const send = decoupled
    ? `
            sender = request.get_response_sender()
            last = done == x
            sender.send(answer, flags=pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL if last else 0)
            if not last:
                request.set_release_flags(pb.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)`
    : `
            if done < x:
                request.set_release_flags(pb.TRITONSERVER_REQUEST_RELEASE_RESCHEDULE)
                responses.append(None)
            else:
                responses.append(answer)`;
  return {
    name,
    config: `${decoupled ? "model_transaction_policy { decoupled: true }\n" : ""}${io(
      { x: ["INT32", [1]] },
      { total: ["INT32", [1]] },
    )}instance_group [ { count: 1 kind: KIND_CPU } ]\n`,
    python: {
      config: `sequence_batching { iterative_sequence: true max_sequence_idle_microseconds: 5000000 oldest { max_candidate_sequences: 4 } ${CONTROLS} }\n`,
      code: `
import numpy as np
import triton_python_backend_utils as pb

class TritonPythonModel:
    def initialize(self, args):
        self.held = {}

    def execute(self, requests):
        responses = []
        for request in requests:
            take = lambda name: pb.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)[0]
            key, x = int(take('CORRID')), int(take('x'))
            done, total = (0, x) if take('START') == 1 else self.held[key]
            done, total = done + 1, total + done + 1
            self.held[key] = (done, total)
            answer = pb.InferenceResponse([pb.Tensor('total', np.array([total], np.int32))])${send}
        return ${decoupled ? "None" : "responses"}
`,
    },
    onnx: {
      config: `sequence_batching { iterative_sequence: true max_sequence_idle_microseconds: 5000000 oldest { max_candidate_sequences: 4 }
  state [
    { input_name: "done_in" output_name: "done_out" data_type: TYPE_INT32 dims: [1]
      initial_state { name: "zero" data_type: TYPE_INT32 dims: [1] zero_data: true } },
    { input_name: "sum_in" output_name: "sum_out" data_type: TYPE_INT32 dims: [1]
      initial_state { name: "zero" data_type: TYPE_INT32 dims: [1] zero_data: true } } ] }
parameters { key: "strainflow.again" value: { string_value: "again" } }\n`,
      graphs: {
        "1": onnxTwin({
          inputs: [
            ["x", "INT32", [1]],
            ["done_in", "INT32", [1]],
            ["sum_in", "INT32", [1]],
          ],
          outputs: [
            ["total", "INT32", [1]],
            ["again", "BOOL", [1]],
            ["done_out", "INT32", [1]],
            ["sum_out", "INT32", [1]],
          ],
          nodes: [
            integerConstant("one", "INT32", [1]),
            node("Add", ["done_in", "one"], "done_out"),
            node("Add", ["sum_in", "done_out"], "sum_out"),
            node("Add", ["sum_out", "x"], "total"),
            node("Less", ["done_out", "x"], "again"),
          ],
        }),
      },
    },
  };
}

const step = (model: string, from: string, to: string): string =>
  `{ model_name: "${model}" model_version: -1 input_map { key: "x" value: "${from}" } output_map { key: "${model === "tenfold" ? "y" : "total"}" value: "${to}" } }`;

/** Ten times what it is given, climbed, and that ten times. */
function climbing(name: string, model: string): TwinModel {
  return {
    name,
    config: `platform: "ensemble"
${io({ x: ["INT32", [1]] }, { y: ["INT32", [1]] })}ensemble_scheduling { step [
  ${step(model, "x", "total")}, ${step("tenfold", "total", "y")} ] }\n`,
  };
}

export const ITERATIVE: readonly TwinModel[] = [
  climb("climb", false),
  climb("climb-aloud", true),
  climbing("climbing", "climb"),
  climbing("climbing-aloud", "climb-aloud"),
];
