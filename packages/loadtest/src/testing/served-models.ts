import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGraph } from "@strainflow/repository";
import { createServer, type InferenceServer } from "@strainflow/server";

export interface ServedModels extends AsyncDisposable {
  readonly server: InferenceServer;
  readonly grpc: string;
  readonly http: string;
  /** A folder for a test's files. */
  readonly folder: string;
}

/**
 * An embedded server with `double` (y = 2 · x, rows of any size, batches up to 8), `fixed` (the same of 4 elements,
 * without batches), `sum` (the running sum of a sequence), `steps` (an ensemble of two doubles), `echo` (int64, bool,
 * texts) and `repeat` (decoupled).
 */
export async function serveModels(): Promise<ServedModels> {
  const folder = await mkdtemp(join(tmpdir(), "strainflow-loadtest-"));
  const repository = join(folder, "models");
  const write = async (name: string, config: string, onnx?: Uint8Array): Promise<void> => {
    await mkdir(join(repository, name, "1"), { recursive: true });
    await writeFile(join(repository, name, "config.pbtxt"), `name: "${name}"\n${config}`);
    if (onnx !== undefined) await writeFile(join(repository, name, "1", "model.onnx"), onnx);
  };
  const onnx = 'platform: "onnxruntime_onnx"\n';
  const io = (dims: string) =>
    `input [ { name: "x" data_type: TYPE_FP32 dims: [${dims}] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [${dims}] } ]\n`;
  await write(
    "double",
    `${onnx}max_batch_size: 8\n${io("-1")}dynamic_batching {}`,
    doubler(["batch", "size"]),
  );
  await write("fixed", `${onnx}${io("4")}`, doubler([4]));
  await write(
    "sum",
    `${onnx}${io("1")}sequence_batching { max_sequence_idle_microseconds: 60000000
      control_input [ { name: "go" control { kind: CONTROL_SEQUENCE_READY fp32_false_true: [0, 1] } } ]
      state [ { input_name: "old" output_name: "new" data_type: TYPE_FP32 dims: [1] initial_state { data_type: TYPE_FP32 dims: [1] zero_data: true name: "zero" } } ] }`,
    summer(),
  );
  await write(
    "steps",
    `platform: "ensemble"\n${io("4")}ensemble_scheduling { step [
      { model_name: "fixed" model_version: -1 input_map { key: "x" value: "x" } output_map { key: "y" value: "half" } },
      { model_name: "fixed" model_version: -1 input_map { key: "x" value: "half" } output_map { key: "y" value: "y" } } ] }`,
  );
  const kinds = ["INT64", "BOOL", "STRING"];
  const echoed = kinds
    .map(
      (kind) =>
        `input { name: "in_${kind}" data_type: TYPE_${kind} dims: [2] } output { name: "out_${kind}" data_type: TYPE_${kind} dims: [2] }`,
    )
    .join("\n");
  await write(
    "echo",
    `backend: "strainflow"\n${echoed}\nparameters { key: "strainflow.native" value { string_value: "identity" } }`,
  );
  await write(
    "repeat",
    `backend: "strainflow"
      input [ { name: "IN" data_type: TYPE_INT32 dims: [-1] }, { name: "DELAY" data_type: TYPE_UINT32 dims: [-1] }, { name: "WAIT" data_type: TYPE_UINT32 dims: [1] } ]
      output [ { name: "OUT" data_type: TYPE_INT32 dims: [1] }, { name: "IDX" data_type: TYPE_UINT32 dims: [1] } ]
      model_transaction_policy { decoupled: true }
      parameters { key: "strainflow.native" value { string_value: "repeat" } }`,
  );
  const server = await createServer({ repository, workers: 1, metricsPort: false });
  return {
    server,
    grpc: `grpc://${server.grpcAddress}`,
    http: server.httpAddress ?? "",
    folder,
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function doubler(shape: readonly (number | string)[]): Uint8Array {
  const g = createGraph("double");
  const x = g.input("x", "FP32", shape);
  g.output("y", g.op("Mul", [x, g.float(2)]), "FP32", shape);
  return g.toBytes();
}

function summer(): Uint8Array {
  const g = createGraph("sum");
  const x = g.input("x", "FP32", [1]);
  const old = g.input("old", "FP32", [1]);
  const go = g.input("go", "FP32", [1]);
  const sum = g.op("Add", [old, g.op("Mul", [x, go])]);
  g.output("y", sum, "FP32", [1]);
  g.output("new", g.op("Identity", [sum]), "FP32", [1]);
  return g.toBytes();
}
