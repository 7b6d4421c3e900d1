import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "@strainflow/proto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseConfig } from "./config-text.ts";
import { addMatchedFilter } from "./matched-filter.ts";
import { onnxModel } from "./onnx-model.ts";
import { createRepository } from "./repository.ts";
import { addStreamingEnsemble } from "./streaming-ensemble.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-ensemble-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("a streaming ensemble", () => {
  it("joins snapshotter and detector, and tells clients what they must know", async () => {
    const repository = await createRepository(folder);
    const series = Float64Array.from({ length: 64 }, (_, n) => Math.sin(n));
    await addMatchedFilter(repository, {
      bank: {
        templates: [{ hc: series, hs: series.toReversed(), mass1: 36, mass2: 29 }],
        sampleRate: 64,
        templateSize: 64,
        peakIndex: 47,
      },
      channels: ["H1", "L1"],
      batchSize: 4,
      strideSize: 16,
    });
    expect(await repository.list()).toEqual(["matched-filter", "matched-filter-stream", "snapshotter"]);
    expect(await repository.config("matched-filter-stream")).toEqual(
      parseConfig(`
        name: "matched-filter-stream"
        platform: "ensemble"
        input [ { name: "stream" data_type: TYPE_FP32 dims: [ 1, 2, 64 ] },
                { name: "inverse_psd" data_type: TYPE_FP32 dims: [ 2, 33 ] } ]
        output [ { name: "triggers" data_type: TYPE_FP32 dims: [ 4, 2, 1, 3 ] },
                 { name: "quadratures" data_type: TYPE_FP32 dims: [ 4, 2, 1, 2 ] } ]
        ensemble_scheduling {
          step [ {
            model_name: "snapshotter" model_version: -1
            input_map { key: "snapshot_update" value: "stream" }
            output_map { key: "snapshot" value: "snapshot" }
          }, {
            model_name: "matched-filter" model_version: -1
            input_map { key: "kernel" value: "snapshot" }
            input_map { key: "inverse_psd" value: "inverse_psd" }
            output_map { key: "triggers" value: "triggers" }
            output_map { key: "quadratures" value: "quadratures" }
          } ]
        }
        parameters { key: "strainflow.templates" value: { string_value: '[{"mass1":36,"mass2":29}]' } }
        parameters { key: "strainflow.sample_rate" value: { string_value: "64" } }
        parameters { key: "strainflow.channels" value: { string_value: "H1,L1" } }
        parameters { key: "strainflow.stride_size" value: { string_value: "16" } }
        parameters { key: "strainflow.batch_size" value: { string_value: "4" } }
        parameters { key: "strainflow.memory" value: { string_value: "63" } }
        parameters { key: "strainflow.latency" value: { string_value: "16" } }
        parameters { key: "strainflow.stream_input" value: { string_value: "stream" } }
        parameters { key: "strainflow.update_size" value: { string_value: "1" } }`),
    );
  });

  it("puts an averager behind a network that gives series, and counts its reach and delay", async () => {
    const repository = await createRepository(folder);
    const network = {
      name: "cleaner",
      inputs: [{ name: "witnesses", type: "FP32", shape: [8, 3, 4096] }],
      outputs: [{ name: "noise", type: "FP32", shape: [8, 2048] }],
      onnx: new Uint8Array(),
    } as const;
    await repository.add(onnxModel(network, {}));
    await addStreamingEnsemble(repository, {
      name: "cleaner-stream",
      network: "cleaner",
      kernelInput: "witnesses",
      channels: ["A", "B", "C"],
      sampleRate: 4096,
      strideSize: 1024,
      numUpdates: 4,
      updateSize: 512,
    });
    const ensemble = await repository.config("cleaner-stream");
    expect(ensemble.output).toEqual(
      create(ModelConfigSchema, { output: [{ name: "output_stream", dataType: 11, dims: [1n, 4096n] }] })
        .output,
    );
    expect(ensemble.parameters["strainflow.memory"]?.stringValue).toBe(String(4096 - 1024 + 3 * 1024));
    expect(ensemble.parameters["strainflow.latency"]?.stringValue).toBe(String(3 * 1024));
    const { schedulingChoice } = await repository.config("aggregator");
    expect(schedulingChoice.case === "sequenceBatching" && schedulingChoice.value.state[0]?.dims).toEqual([
      1n,
      1536n,
    ]);
  });

  it("refuses a network whose kernels do not fit the channels", async () => {
    const repository = await createRepository(folder);
    const inputs = [{ name: "x", type: "FP32", shape: [8, 3, 64] }] as const;
    await repository.add(onnxModel({ name: "net", inputs, outputs: [], onnx: new Uint8Array() }, {}));
    const options = { name: "s", network: "net", channels: ["H1", "L1"], sampleRate: 64, strideSize: 16 };
    await expect(addStreamingEnsemble(repository, { ...options, kernelInput: "x" })).rejects.toThrow(
      /input x is \[8, 3, 64\]; kernels of H1, L1 need \[batch, 2, kernel\]/,
    );
    await expect(addStreamingEnsemble(repository, { ...options, kernelInput: "y" })).rejects.toMatchObject({
      tag: "bad-network",
    });
    expect(await repository.list()).toEqual(["net"]);
  });
});
