import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseConfig } from "./config-text.ts";
import { createEnsemble } from "./ensemble.ts";
import { createRepository, type ModelRepository } from "./repository.ts";

let folder = "";
let repository: ModelRepository;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-ensembles-"));
  repository = await createRepository(folder);
  const model = (text: string) => ({ config: parseConfig(text), files: { "1/model.py": "" } });
  await repository.add([
    model(`name: "net" backend: "python"
      input [ { name: "strain" data_type: TYPE_FP32 dims: [ 8, 2, 512 ] },
              { name: "psd" data_type: TYPE_FP32 dims: [ 2, 33 ] } ]
      output [ { name: "y" data_type: TYPE_FP32 dims: [ 8, 2, 256 ] }, { name: "score" data_type: TYPE_FP32 dims: [ 8, 1 ] } ]`),
    model(`name: "witness-net" backend: "python"
      input [ { name: "witnesses" data_type: TYPE_FP32 dims: [ -1, 3, 512 ] },
              { name: "monitor" data_type: TYPE_FP32 dims: [ -1, 128 ] } ]
      output [ { name: "y" data_type: TYPE_FP32 dims: [ -1, 4 ] } ]`),
    model(`name: "counts" backend: "python" max_batch_size: 4
      input [ { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [ 1 ] } ]`),
  ]);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const shapes = (tensors: readonly { readonly name: string; readonly dims: readonly bigint[] }[]): string[] =>
  tensors.map(({ name, dims }) => `${name} ${dims.join("×")}`);

describe("an ensemble in the making", () => {
  it("streams into one network and averages what it gives, a stateless input beside", async () => {
    const ensemble = createEnsemble(repository, {
      name: "stream",
      stream: { sampleRate: 1024, channels: ["H1", "L1"] },
    });
    const net = await ensemble.step("net");
    ensemble.addStreamingInputs({ into: net.input("strain"), strideSize: 64 });
    ensemble.addInput(net.input("psd"), { name: "inverse_psd" });
    ensemble.addStreamingOutput(net.output("y"), { updateSize: 32, numUpdates: 4 });
    ensemble.addOutput(net.output("score"));
    await ensemble.write();
    expect(await repository.list()).toEqual([
      "aggregator",
      "counts",
      "net",
      "snapshotter",
      "stream",
      "witness-net",
    ]);
    const config = await repository.config("stream");
    expect(shapes(config.input)).toEqual(["stream 1×2×512", "inverse_psd 2×33"]);
    expect(shapes(config.output)).toEqual(["output_stream 1×2×256", "score 8×1"]);
    const value = (key: string) => config.parameters[`strainflow.${key}`]?.stringValue;
    expect(value("memory")).toBe(String(512 - 64 + 3 * 64));
    expect(value("latency")).toBe(String(3 * 64));
    expect(value("update_size")).toBe("32");
    expect(value("stream_input")).toBe("stream");
    expect(await repository.verify()).toEqual([]);
  });

  it.each(["onnx", "python"] as const)(
    "cuts several streams in one model, into several networks, backend %s",
    async (backend) => {
      const ensemble = createEnsemble(repository, {
        name: "stream",
        stream: { sampleRate: 1024, channels: ["H1", "L1", "A", "B", "C", "M"] },
      });
      const [net, other, third] = [
        await ensemble.step("net"),
        await ensemble.step("witness-net"),
        await ensemble.step("witness-net"),
      ];
      const snapshotter = ensemble.addStreamingInputs(
        [
          { into: net.input("strain"), strideSize: 64, input: "strain" },
          { into: [other.input("witnesses"), other.input("monitor")], strideSize: 64, input: "aux" },
        ],
        { name: "both", backend, instances: 2 },
      );
      // One snapshot feeds two models.
      ensemble.pipe(snapshotter.output("snapshot_1"), third.input("witnesses"));
      ensemble.pipe(snapshotter.output("snapshot_2"), third.input("monitor"));
      ensemble.addInput(net.input("psd"));
      ensemble.addOutput(net.output("score"));
      ensemble.addOutput(other.output("y"), { name: "first" });
      ensemble.addOutput(third.output("y"), { name: "second" });
      await ensemble.write();
      const both = await repository.config("both");
      expect(shapes(both.input)).toEqual(["snapshot_update_0 1×2×512", "snapshot_update_1 1×4×512"]);
      expect(shapes(both.output)).toEqual(["snapshot_0 8×2×512", "snapshot_1 8×3×512", "snapshot_2 8×128"]);
      const { value: batching } = both.schedulingChoice;
      expect(batching).toMatchObject(
        backend === "python"
          ? { state: [], controlInput: [{ name: "START" }], strategyChoice: { case: "direct" } }
          : {
              state: [
                { inputName: "input_snapshot_0", outputName: "output_snapshot_0", dims: [1n, 2n, 512n] },
                { inputName: "input_snapshot_1", outputName: "output_snapshot_1", dims: [1n, 4n, 512n] },
              ],
            },
      );
      expect(both.instanceGroup).toMatchObject([{ count: 2 }]);
      const { schedulingChoice, input } = await repository.config("stream");
      expect(shapes(input)).toEqual(["strain 1×2×512", "aux 1×4×512", "psd 2×33"]);
      expect(schedulingChoice.value).toMatchObject({
        step: [
          { modelName: "both", inputMap: { snapshot_update_0: "strain", snapshot_update_1: "aux" } },
          { modelName: "net", inputMap: { strain: "snapshot_0", psd: "psd" } },
          { inputMap: { witnesses: "snapshot_1", monitor: "snapshot_2" }, outputMap: { y: "first" } },
          { inputMap: { witnesses: "snapshot_1", monitor: "snapshot_2" }, outputMap: { y: "second" } },
        ],
      });
      expect(await repository.verify()).toEqual([]);
    },
  );

  it("is refused where tensors do not fit, with both ends", async () => {
    const ensemble = createEnsemble(repository, { name: "e" });
    const [net, other, counts] = [
      await ensemble.step("net"),
      await ensemble.step("witness-net"),
      await ensemble.step("counts"),
    ];
    const wrong = (attempt: () => void, message: RegExp) => expect(attempt).toThrow(message);
    wrong(
      () => ensemble.pipe(net.output("y"), other.input("witnesses")),
      /e: net\.y \[8, 2, 256\] cannot feed witness-net\.witnesses \[-1, 3, 512\]: their shapes differ/,
    );
    wrong(
      () => ensemble.pipe(counts.output("y"), counts.input("x")),
      /counts\.y \[-1, 1\] cannot feed counts\.x \[-1, 1\]: one is TYPE_FP32, the other TYPE_INT64/,
    );
    wrong(() => ensemble.pipe(net.input("psd"), net.input("psd")), /from an output to an input/);
    wrong(() => net.input("nope"), /model net has no input "nope"; it has strain, psd/);
    wrong(() => ensemble.build(), /nothing feeds net\.strain \[8, 2, 512\]/);
    wrong(
      () =>
        ensemble.addStreamingInputs(
          { into: [net.input("strain"), other.input("monitor")], strideSize: 64 },
          { batchSize: 4 },
        ),
      /net\.strain \[8, 2, 512\]: it takes batches of 8, and 4 are asked for/,
    );
    wrong(
      () => ensemble.addStreamingInputs({ into: other.input("witnesses"), strideSize: 64 }),
      /any number of kernels fits; say with batchSize how many/,
    );
    wrong(
      () => ensemble.addStreamingInputs({ into: net.input("strain"), strideSize: 513 }),
      /strideSize is 513; it must be at most snapshotSize, which is 512/,
    );
    wrong(
      () => ensemble.addStreamingOutput(net.output("y"), { updateSize: 100, numUpdates: 3 }),
      /numUpdates·updateSize \+ offset is 300/,
    );
    const foreign = await createEnsemble(repository, { name: "f" }).step("net");
    wrong(() => ensemble.addInput(foreign.input("psd")), /is of another ensemble/);
    ensemble.addInput(net.input("psd"));
    wrong(() => ensemble.addInput(net.input("psd"), { name: "again" }), /is fed already/);
    await expect(ensemble.step("nope")).rejects.toMatchObject({ tag: "no-model" });
  });

  const chained = (name: string) => ({
    config: parseConfig(`name: "${name}" backend: "python"
      input [ { name: "x" data_type: TYPE_FP32 dims: [ 3 ] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [ 3 ] } ]`),
    files: { "1/model.py": "" },
  });

  it.each([
    ["pipe, input, output", ["pipe", "in", "out"]],
    ["output, pipe, input", ["out", "pipe", "in"]],
    ["input, output, pipe", ["in", "out", "pipe"]],
  ] as const)("keeps its own tensors apart from those that clients name, by %s", async (_, order) => {
    const ensemble = createEnsemble(repository, { name: "chain" });
    const [a, b, c] = [
      await ensemble.step(chained("a")),
      await ensemble.step(chained("b")),
      await ensemble.step(chained("c")),
    ];
    const deeds = {
      // Both of these tensors are called y by their models, as the output is; and the input has a model's name for one.
      pipe: () => {
        ensemble.pipe(a.output("y"), b.input("x"));
        ensemble.pipe(b.output("y"), c.input("x"));
      },
      in: () => ensemble.addInput(a.input("x"), { name: "b.y" }),
      out: () => ensemble.addOutput(c.output("y")),
    };
    for (const deed of order) deeds[deed]();
    await ensemble.write();
    const { input, output, schedulingChoice } = await repository.config("chain");
    expect(shapes(input)).toEqual(["b.y 3"]);
    expect(shapes(output)).toEqual(["y 3"]);
    const { step: steps = [] } = schedulingChoice.case === "ensembleScheduling" ? schedulingChoice.value : {};
    expect(steps.map(({ modelName }) => modelName)).toEqual(["a", "b", "c"]);
    const maps = steps.flatMap(({ inputMap, outputMap }) => [inputMap["x"], outputMap["y"]]);
    expect(maps[0]).toBe("b.y");
    expect(maps[5]).toBe("y");
    expect([maps[1], maps[3]]).toEqual([maps[2], maps[4]]);
    expect(new Set(["b.y", "y", maps[1], maps[3]]).size).toBe(4);
    expect(await repository.verify()).toEqual([]);
  });

  it("gives an output the name that a tensor inside has, and does not join the two", async () => {
    const ensemble = createEnsemble(repository, { name: "chain" });
    const [a, b, c] = [
      await ensemble.step(chained("a")),
      await ensemble.step(chained("b")),
      await ensemble.step(chained("c")),
    ];
    ensemble.addInput(a.input("x"));
    ensemble.pipe(a.output("y"), b.input("x"));
    ensemble.pipe(b.output("y"), c.input("x"));
    ensemble.addOutput(b.output("y"), { name: "y" });
    expect(() => ensemble.addOutput(c.output("y"))).toThrow(/there is a tensor y already/);
    ensemble.addOutput(c.output("y"), { name: "last" });
    const built = ensemble.build().at(-1)?.config;
    const steps =
      built?.schedulingChoice.case === "ensembleScheduling" ? built.schedulingChoice.value.step : [];
    expect(steps.map(({ inputMap, outputMap }) => [inputMap["x"], outputMap["y"]])).toEqual([
      ["x", "a.y"],
      ["a.y", "y"],
      ["y", "last"],
    ]);
  });

  it("is refused where steps wait for each other, or give nothing", async () => {
    const ensemble = createEnsemble(repository, { name: "e" });
    const [a, b] = [await ensemble.step(chained("a")), await ensemble.step(chained("b"))];
    ensemble.pipe(a.output("y"), b.input("x"));
    ensemble.pipe(b.output("y"), a.input("x"));
    ensemble.addOutput(b.output("y"));
    expect(() => ensemble.build()).toThrow(/some of its steps wait for each other/);
    const other = createEnsemble(repository, { name: "e" });
    other.addInput((await other.step(chained("a"))).input("x"));
    expect(() => other.build()).toThrow(/it has no outputs/);
  });

  it("writes nothing at all where one of its models is there already", async () => {
    await repository.add({
      config: parseConfig('name: "aggregator" backend: "python"'),
      files: { "1/model.py": "mine" },
    });
    const ensemble = createEnsemble(repository, { name: "stream" });
    const net = await ensemble.step("net");
    ensemble.addStreamingInputs({ into: net.input("strain"), strideSize: 64 });
    ensemble.addInput(net.input("psd"));
    ensemble.addStreamingOutput(net.output("y"), { updateSize: 32, numUpdates: 4 });
    const before = await repository.list();
    await expect(ensemble.write()).rejects.toMatchObject({ tag: "model-exists" });
    expect(await repository.list()).toEqual(before);
    expect(new TextDecoder().decode(await repository.read("aggregator", "1/model.py"))).toBe("mine");
    await ensemble.write({ replace: true });
    expect(await repository.store.files("aggregator")).toEqual(["1/model.onnx", "config.pbtxt"]);
    expect((await readdir(folder)).filter((entry) => entry.startsWith("."))).toEqual([]);
  });
});
