import { create, toBinary } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType as AttributeType,
  ModelProtoSchema,
  TensorProto_DataType as OnnxType,
} from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LoadedModels, loadModels } from "../models/load-models.ts";
import { Refusal } from "../refusal.ts";
import type { Outcome } from "../scheduling/scheduler.ts";
import type { RawTensors } from "../tensors/raw-tensor.ts";
import { type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { ServerLog } from "../watching/server-log.ts";

const port = (name: string, elemType: OnnxType) => ({
  name,
  type: {
    value: {
      case: "tensorType" as const,
      value: {
        elemType,
        shape: { dim: ["batch", "n"].map((value) => ({ value: { case: "dimParam" as const, value } })) },
      },
    },
  },
});
const cast = (from: string, to: string, type: OnnxType) => ({
  opType: "Cast",
  input: [from],
  output: [to],
  attribute: [{ name: "to", type: AttributeType.INT, i: BigInt(type) }],
});
const op = (opType: string, input: string[], output: string) => ({ opType, input, output: [output] });

/** The sum of a BF16 and a FP32 tensor in both types, and both BF16 and UINT16 as they come. */
const graph = toBinary(
  ModelProtoSchema,
  create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name: "g",
      input: [port("x", OnnxType.BFLOAT16), port("f", OnnxType.FLOAT), port("u", OnnxType.UINT16)],
      output: [
        port("y", OnnxType.BFLOAT16),
        port("sum", OnnxType.FLOAT),
        port("rounded", OnnxType.BFLOAT16),
        port("v", OnnxType.UINT16),
      ],
      node: [
        op("Identity", ["x"], "y"),
        cast("x", "wide", OnnxType.FLOAT),
        op("Add", ["wide", "f"], "sum"),
        cast("sum", "rounded", OnnxType.BFLOAT16),
        op("Identity", ["u"], "v"),
      ],
    },
  }),
);
const config = `platform: "onnxruntime_onnx" max_batch_size: 8 instance_group [ { count: 1 } ]
dynamic_batching { preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 500000 }`;

describe("BF16 at the edges of a graph", () => {
  let repository: TinyRepository;
  let loaded: LoadedModels;

  beforeAll(async () => {
    repository = await tinyRepository([{ name: "mixed", config, versions: { "1": graph } }]);
    const log = new ServerLog({ write: () => {} });
    loaded = await loadModels({ repository: repository.path, workers: 1, log });
  });
  afterAll(async () => {
    loaded.repository.close();
    await Promise.all(loaded.threads.map((thread) => thread.close()));
    await repository.remove();
  });

  const infer = (x: Uint16Array, f: Float32Array): Promise<RawTensors> => {
    const bytes = (array: Uint16Array | Float32Array) => new Uint8Array(array.slice().buffer);
    const shape = [1, x.length];
    const inputs: RawTensors = new Map([
      ["x", { datatype: "BF16", shape, data: bytes(x), movable: true }],
      ["f", { datatype: "FP32", shape, data: bytes(f), movable: true }],
      ["u", { datatype: "UINT16", shape, data: bytes(x), movable: true }],
    ]);
    return new Promise((resolve, reject) => {
      loaded.registry.get("mixed", "").infer({ id: "", inputs }, (outcome: Outcome) => {
        if (outcome instanceof Refusal) reject(outcome);
        else resolve(outcome);
      });
    });
  };
  const halves = (outputs: RawTensors, name: string): Uint16Array =>
    new Uint16Array(Uint8Array.from(outputs.get(name)?.data ?? []).buffer);
  const value = (half: number): number => {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, half * 65536);
    return view.getFloat32(0);
  };

  it("every number that is one comes through as it is, in a batch with others", async () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, half) => half).filter(
      (half) => !Number.isNaN(value(half)),
    );
    const zeros = new Float32Array(all.length);
    const turned = all.slice().reverse();
    for (const [sent, outputs] of [
      [all, await infer(all, zeros)] as const,
      ...(await Promise.all([all, turned].map(async (sent) => [sent, await infer(sent, zeros)] as const))),
    ]) {
      expect(outputs.get("y")).toMatchObject({ datatype: "BF16", shape: [1, all.length] });
      expect(outputs.get("v")?.datatype).toBe("UINT16");
      expect(halves(outputs, "y")).toEqual(sent);
      expect(halves(outputs, "v")).toEqual(sent);
    }
  });

  it("is computed with as the graph says, and rounded to the nearest", async () => {
    // 1 + 2^-8 lies between two numbers of BF16, and goes to the even one; a little more goes up.
    const x = Uint16Array.of(0x3f80, 0x3f80, 0x4049, 0x7fc1);
    const outputs = await infer(x, Float32Array.of(2 ** -8, 2 ** -8 + 2 ** -20, 0.5, 1));
    const sums = new Float32Array(Uint8Array.from(outputs.get("sum")?.data ?? []).buffer);
    expect([...sums]).toEqual([1 + 2 ** -8, 1 + 2 ** -8 + 2 ** -20, value(0x4049) + 0.5, Number.NaN]);
    const rounded = [...halves(outputs, "rounded")].map(value);
    expect(rounded).toEqual([1, 1 + 2 ** -7, value(0x4069), Number.NaN]);
  });

  it("is in the configuration that was completed", () => {
    const { spec } = loaded.registry.get("mixed", "");
    expect([...spec.inputs.values()].map(({ name, datatype }) => `${name} ${datatype}`)).toEqual([
      "x BF16",
      "f FP32",
      "u UINT16",
    ]);
    expect(spec.outputs.get("rounded")?.datatype).toBe("BF16");
  });
});
