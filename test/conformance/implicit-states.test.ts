import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AttributeProto_AttributeType as AttributeType } from "@strainflow/proto";
import { createServer, type InferenceServer } from "@strainflow/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { node, onnxTwin, type Port, TWIN_TYPES, type TwinType } from "./models/onnx-twin.ts";
import { type ConfigType, io } from "./models/twin-model.ts";
import { TWO } from "./topics/values.ts";
import { float32, floats, texts } from "./wire/bytes.ts";
import { inferRequest, type Read } from "./wire/messages.ts";
import { RawGrpc } from "./wire/raw-grpc.ts";

/*
 * Implicit states with every option, on the embedded server: no onnxruntime backend of Triton's is at hand, and its
 * python backend has none.
 */
const configType = (type: TwinType): ConfigType => (type === "BYTES" ? "STRING" : type);
const state = (type: TwinType, dims: string, more: string): string =>
  `state { input_name: "was_${type}" output_name: "is_${type}" data_type: TYPE_${configType(type)} dims: [${dims}] ${more} }`;

/** Gives what the request before it gave: its states are of every type. */
const before = {
  graph: onnxTwin({
    inputs: TWIN_TYPES.flatMap((type): Port[] => [
      [`IN_${type}`, type, [2]],
      [`was_${type}`, type, [2]],
    ]),
    outputs: TWIN_TYPES.flatMap((type): Port[] => [
      [`OUT_${type}`, type, [2]],
      [`is_${type}`, type, [2]],
    ]),
    nodes: TWIN_TYPES.flatMap((type) => [
      node("Identity", [`was_${type}`], `OUT_${type}`),
      node("Identity", [`IN_${type}`], `is_${type}`),
    ]),
  }),
  config: io(
    Object.fromEntries(TWIN_TYPES.map((type) => [`IN_${type}`, [configType(type), [2]] as const])),
    Object.fromEntries(TWIN_TYPES.map((type) => [`OUT_${type}`, [configType(type), [2]] as const])),
  ),
};
/** All that came so far, one behind the other: a state that grows. */
const growing = {
  graph: onnxTwin({
    inputs: [
      ["x", "FP32", ["n"]],
      ["was_FP32", "FP32", ["m"]],
    ],
    outputs: [
      ["all", "FP32", ["k"]],
      ["is_FP32", "FP32", ["k"]],
    ],
    nodes: [
      node("Concat", ["was_FP32", "x"], "all", [{ name: "axis", type: AttributeType.INT, i: 0n }]),
      node("Identity", ["all"], "is_FP32"),
    ],
  }),
  config: io({ x: ["FP32", [-1]] }, { all: ["FP32", [-1]] }),
};
const initial = (type: TwinType, how: string, dims = "2"): string =>
  `initial_state { name: "first" data_type: TYPE_${configType(type)} dims: [${dims}] ${how} }`;

describe("implicit states of the embedded server", () => {
  let repository: string;
  let server: InferenceServer;
  let client: RawGrpc;

  beforeAll(async () => {
    repository = await mkdtemp(join(tmpdir(), "strainflow-states-"));
    const write = async (
      name: string,
      { graph, config }: typeof before,
      states: readonly string[],
      files: Record<string, Uint8Array> = {},
    ) => {
      await mkdir(join(repository, name, "1"), { recursive: true });
      await mkdir(join(repository, name, "initial_state"), { recursive: true });
      await writeFile(join(repository, name, "1", "model.onnx"), graph);
      for (const [file, bytes] of Object.entries(files))
        await writeFile(join(repository, name, "initial_state", file), bytes);
      await writeFile(
        join(repository, name, "config.pbtxt"),
        `name: "${name}" platform: "onnxruntime_onnx" ${config} sequence_batching { max_sequence_idle_microseconds: 5000000 ${states.join("\n")} }`,
      );
    };
    const same = "use_same_buffer_for_input_output: true";
    await write(
      "zero",
      before,
      TWIN_TYPES.map((type) => state(type, "2", initial(type, "zero_data: true"))),
    );
    await write(
      "bare",
      before,
      TWIN_TYPES.map((type) => state(type, "2", same)),
    );
    await write(
      "file",
      before,
      TWIN_TYPES.map((type) => state(type, "2", initial(type, `data_file: "${type}.bin"`))),
      Object.fromEntries(TWIN_TYPES.map((type) => [`${type}.bin`, TWO[type]])),
    );
    await write("growing", growing, [state("FP32", "-1", "use_growable_memory: true")]);
    server = await createServer({ repository, workers: 1 });
    client = new RawGrpc(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await rm(repository, { recursive: true, force: true });
  });

  const zeros = (type: TwinType): Uint8Array =>
    type === "BYTES" ? texts("", "") : new Uint8Array(TWO[type].byteLength);
  const send = (model: string, values: (type: TwinType) => Uint8Array, start: boolean): Promise<Read> =>
    client.infer(
      inferRequest(
        model,
        TWIN_TYPES.map((type) => [`IN_${type}`, type, [2], values(type)]),
        { parameters: { sequence_id: 1n, sequence_start: start } },
      ),
    );
  const bytesOf = (read: Read) =>
    TWIN_TYPES.map((type) => [type, ...(read.outputs[`OUT_${type}`]?.bytes ?? [])]);
  const expected = (values: (type: TwinType) => Uint8Array) =>
    TWIN_TYPES.map((type) => [type, ...values(type)]);

  it.each([
    ["zero", zeros],
    ["bare", zeros],
    ["file", (type: TwinType) => TWO[type]],
  ] as const)("%s: begin as they are told to, at every START, in every type", async (model, first) => {
    expect(bytesOf(await send(model, (type) => TWO[type], true))).toEqual(expected(first));
    expect(bytesOf(await send(model, zeros, false))).toEqual(expected((type) => TWO[type]));
    expect(bytesOf(await send(model, zeros, false))).toEqual(expected(zeros));
    expect(bytesOf(await send(model, zeros, true))).toEqual(expected(first));
  });

  it("may change their size from request to request", async () => {
    const sent = async (values: number[], start = false) =>
      floats(
        await client.infer(
          inferRequest("growing", [["x", "FP32", [values.length], float32(...values)]], {
            parameters: { sequence_id: 1n, sequence_start: start },
          }),
        ),
        "all",
      );
    // A size that is left open begins as 1, as in Triton.
    expect(await sent([1, 2], true)).toEqual([0, 1, 2]);
    expect(await sent([3])).toEqual([0, 1, 2, 3]);
    expect(await sent([])).toEqual([0, 1, 2, 3]);
    expect(await sent([4, 5, 6])).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await sent([7], true)).toEqual([0, 7]);
  });
});
