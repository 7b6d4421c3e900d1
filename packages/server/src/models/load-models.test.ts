import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createServer } from "../server.ts";
import {
  accumulator,
  ensemble,
  network,
  scaler,
  snapshotter,
  type TinyModel,
  tinyRepository,
} from "../testing/tiny-repository.ts";

const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [3] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [3] } ]`;
const plain = (config: string): TinyModel[] => [scaler("net", 2, config, [3])];
const chain = (change: (model: TinyModel) => TinyModel): TinyModel[] => [
  snapshotter("snap"),
  network("network"),
  accumulator("sums"),
  change(ensemble("ens", "snap", "network", "sums")),
];
const edit = (from: string, to: string) => (model: TinyModel) => ({
  ...model,
  config: model.config.replace(from, to),
});

describe("a repository that cannot be served is refused with the reason", () => {
  it.each<[string, TinyModel[], string]>([
    ["no text format", plain("input ["), "config.pbtxt"],
    [
      "another platform",
      [{ name: "net", config: 'platform: "pytorch"', versions: { "1": new Uint8Array() } }],
      "its platform is 'pytorch'",
    ],
    [
      "no version",
      [{ name: "net", config: 'platform: "onnxruntime_onnx"' }],
      "at least one version must be available",
    ],
    [
      "damaged graph",
      [
        {
          name: "net",
          config: `platform: "onnxruntime_onnx"\n${io}`,
          versions: { "1": Uint8Array.of(1, 2, 3) },
        },
      ],
      "model 'net' cannot be loaded",
    ],
    ["an input that the graph lacks", plain(io.replace('"x"', '"z"')), "its graph has no input 'z'"],
    [
      "another type",
      plain(io.replace("TYPE_FP32", "TYPE_INT32")),
      "input 'x' is INT32 in the configuration and FP32 in the graph",
    ],
    [
      "another shape",
      plain(io.replace("[3]", "[4]")),
      "input 'x' is [4] by the configuration and [3] in the graph",
    ],
    ["a GPU", plain(`${io}\ninstance_group [ { kind: KIND_GPU } ]`), "KIND_GPU"],
    [
      "an accelerator that is not there",
      plain(
        `${io}\noptimization { execution_accelerators { cpu_execution_accelerator [ { name: "openvino" } ] } }`,
      ),
      "unknown Execution Accelerator 'openvino' is requested",
    ],
    [
      "threads that are no number",
      plain(`${io}\nparameters { key: "intra_op_thread_count" value { string_value: "all" } }`),
      "parameter intra_op_thread_count is 'all'",
    ],
    [
      "a preferred batch where there are none",
      plain(`${io}\ndynamic_batching { preferred_batch_size: [2] }`),
      "dynamic batching preferred size must be <= max batch size",
    ],
    [
      "a control that the graph lacks",
      [
        edit(
          "direct {}",
          'direct {} control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [0, 1] } ] } ]',
        )(snapshotter("snap")),
      ],
      "its graph has no input 'START' for the control",
    ],
    [
      "a state that the graph lacks",
      [edit('output_name: "output_snapshot"', 'output_name: "nowhere"')(snapshotter("snap"))],
      "no output 'nowhere' for the state",
    ],
    [
      "another initial state",
      [
        edit(
          "initial_state { data_type: TYPE_FP32",
          "initial_state { data_type: TYPE_FP64",
        )(snapshotter("snap")),
      ],
      "the initial_state of state 'input_snapshot'",
    ],
    ["a missing step", chain(edit('"network"', '"nothing"')), "its step 'nothing' is not in the repository"],
    [
      "an unmade tensor",
      chain(edit('value: "windows" } },', 'value: "other" } },')),
      "output 'score' for ensemble 'ens' is not written: at least one of its depending tensors, 'windows', is not connected",
    ],
    ["an ensemble within itself", chain(edit('"network"', '"ens"')), "it contains itself: ens → ens"],
  ])("%s", async (_, models, why) => {
    const repository = await tinyRepository(models);
    const outcome = await createServer({ repository: repository.path, workers: 1 }).then(
      async (server) => {
        await server.close();
        return "served";
      },
      (error: unknown) => error,
    );
    await repository.remove();
    expect(outcome).toMatchObject({ tag: "model-not-loadable", message: expect.stringContaining(why) });
  });

  it("a folder named otherwise than its model", async () => {
    const repository = await tinyRepository(plain(io));
    await writeFile(join(repository.path, "net", "config.pbtxt"), 'name: "other"');
    await expect(createServer({ repository: repository.path })).rejects.toThrow(
      "its configuration names it 'other'",
    );
    await repository.remove();
  });

  it("a port that is taken", async () => {
    const repository = await tinyRepository(plain(io));
    const server = await createServer({ repository: repository.path, workers: 1 });
    const grpcPort = Number(server.grpcAddress.split(":")[1]);
    await expect(createServer({ repository: repository.path, workers: 1, grpcPort })).rejects.toMatchObject({
      tag: "address-in-use",
    });
    const httpPort = Number(new URL(server.httpAddress ?? "").port);
    await expect(createServer({ repository: repository.path, workers: 1, httpPort })).rejects.toMatchObject({
      tag: "address-in-use",
    });
    await server.close();
    await repository.remove();
  });
});
