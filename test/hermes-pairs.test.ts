import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { launch } from "@strainflow/launch";
import {
  addModel,
  addNetwork,
  createEnsemble,
  createGraph,
  createRepository,
  type ModelRepository,
  openRepository,
} from "@strainflow/repository";
import { connect } from "@strainflow/triton";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeProgram, writeTriton } from "../packages/launch/src/testing/stand-ins.ts";
import {
  type Running,
  startHermes,
  startHermesWithTorch,
  startOurs,
  torchPython,
  withoutHermes,
} from "./support/hermes-pairs.ts";
import { describeTriton, type RealTriton, startRealTriton, tritonHome } from "./support/real-triton.ts";

const names = (await readdir(join(import.meta.dirname, "../examples/coming-from-hermes"))).map(
  (file) => file.split(".")[0],
);
const tried = new Set(["bent_network"]);
const pair = (name: string): string => {
  tried.add(name);
  return name;
};

/** What both programs say to the same arguments. */
async function both(name: string, ...args: string[]): Promise<[hermes: unknown[], ours: unknown[]]> {
  const theirs = await startHermes(pair(name), args).ended;
  const ours = await startOurs(name, args).ended;
  return [[...theirs.values], [...ours.values]];
}

/** y = 2x + 1. */
function doubled(shape: readonly number[], input = "kernel"): Uint8Array {
  const g = createGraph("doubled");
  const twice = g.op("Mul", [g.input(input, "FP32", shape), g.float(2)]);
  g.output("y", g.op("Add", [twice, g.float(1)]), "FP32", shape);
  return g.toBytes();
}

async function writeModels(repository: ModelRepository): Promise<void> {
  const python = { backend: "python", channels: 2, batchSize: 4 } as const;
  await addNetwork(repository, { ...python, name: "doubled", onnx: doubled([4, 2, 16]) });
  await addNetwork(repository, { ...python, name: "unloaded", onnx: doubled([4, 2, 16]) });
  const g = createGraph("shifted");
  const kernel = g.input("kernel", "FP32", [4, 2, 16]);
  g.output("z", g.op("Add", [kernel, g.input("shift", "FP32", [4, 1, 1])]), "FP32", [4, 2, 16]);
  await addNetwork(repository, { ...python, name: "shifted", onnx: g.toBytes(), kernelInput: "kernel" });

  for (const name of ["doubled", "shifted"]) {
    const ensemble = createEnsemble(repository, { name: `${name}-stream` });
    const network = await ensemble.step(name);
    ensemble.addStreamingInputs(
      { into: network.input("kernel"), strideSize: 8 },
      { name: `${name}-snapshotter`, backend: "python", instances: 4 },
    );
    if (name === "shifted") ensemble.addInput(network.input("shift"));
    ensemble.addOutput(network.output(name === "shifted" ? "z" : "y"));
    await ensemble.write();
    // hermes knows a snapshotter by its implicit states, of which the python backend has none: one that nobody reads.
    const none = { dataType: "TYPE_FP32", dims: [1, 1] } as const;
    const initialState = [{ ...none, name: "snapshot", zeroData: true }];
    const state = { ...none, inputName: "input_snapshot", outputName: "output_snapshot", initialState };
    await repository.edit(`${name}-snapshotter`, { sequenceBatching: { state: [state] } });
  }
}

describe.skipIf(withoutHermes)("those who come from hermes (needs Python with ml4gw-hermes)", () => {
  let folder = "";
  let models = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-pairs-"));
    models = join(folder, "models");
    await writeModels(await createRepository(models));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  describeTriton("find what they do on the same server", () => {
    let real: RealTriton;
    beforeAll(async () => {
      real = await startRealTriton(models, {
        serverArgs: [
          "--model-control-mode=explicit",
          ...["doubled", "doubled-stream", "shifted-stream"].map((name) => `--load-model=${name}`),
        ],
      });
    });
    afterAll(() => real?.close());

    it("single requests", async () => {
      const [theirs, ours] = await both("infer", real.address, "doubled");
      expect(ours).toEqual(theirs);
      expect(ours).toEqual([[0, 1, 2, 3, 4].map((i) => [0, 1, 2, 3].map(() => 2 * i + 1))]);
    });

    it("a stream, in order, and how long it took", async () => {
      const [theirs, ours] = await both("stream", real.address, "doubled-stream");
      expect(ours).toEqual(theirs);
      // The last sample of window w of channel c in update i.
      const last = (i: number) =>
        [0, 1, 2, 3].map((w) => [0, 1].map((c) => 2 * (32 * c + 8 * w + 7 + i) + 1));
      const answers = Array.from({ length: 12 }, (_, i) => [i, 1001, last(i)]);
      expect(ours).toEqual([{ answers, timed: 12 }]);
    });

    it("a plain input beside the stream", async () => {
      const [theirs, ours] = await both("side-input", real.address, "shifted-stream");
      expect(ours).toEqual(theirs);
      expect(ours).toHaveLength(1);
      expect(JSON.stringify(ours)).toContain("[5,5,5,5,5,5,5,5,5,5,5,5,5,5,5,5]");
    });

    it("a refusal", async () => {
      const [theirs, ours] = await both("refused", real.address, "doubled-stream");
      expect(ours).toEqual(theirs);
      expect(ours[0]).toContain("must specify the START flag on the first request of the sequence");
    });

    it("a model that is not loaded yet", async () => {
      const theirs = await startHermes(pair("load"), [real.address, "unloaded"]).ended;
      const client = await connect(real.address);
      await client.repository.unload("unloaded");
      for (let i = 0; i < 200 && (await client.isModelReady("unloaded")); i++)
        await new Promise((resolve) => setTimeout(resolve, 50));
      client.close();
      const ours = await startOurs("load", [real.address, "unloaded"]).ended;
      expect(theirs.values[1]).toEqual([1, ["kernel"]]);
      expect(ours.values).toEqual(["model-not-ready", [1, ["kernel"]]]);
    });

    it("the monitor's rows", { timeout: 120_000 }, async () => {
      const address = (file: string) => [
        "doubled-stream",
        "127.0.0.1",
        real.address.split(":").at(-1) ?? "",
        new URL(real.metricsAddress).port,
        join(folder, file),
      ];
      const monitors: Running[] = [
        startHermes(pair("monitor"), address("hermes.csv")),
        startOurs("monitor", address("ours.csv")),
      ];
      for (const { began } of monitors) await began;
      // Neither says when it first asked; what came before that it does not count.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      await startOurs("stream", [real.address, "doubled-stream"]).ended;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      for (const { child, ended } of monitors) {
        child.stdin?.end("\n");
        await ended;
      }
      const [theirs, ours] = await Promise.all(["hermes.csv", "ours.csv"].map((f) => sums(join(folder, f))));
      expect(ours).toEqual(theirs);
      expect(ours?.["doubled"]?.[0]).toBe(12);
    });

    it("an ensemble of two steps", { timeout: 120_000 }, async () => {
      const onnx = join(folder, "doubled.onnx");
      await writeFile(onnx, doubled([4, 3], "x"));
      const [theirs, ours] = [join(folder, "ensemble-hermes"), join(folder, "ensemble-ours")];
      await mkdir(theirs);
      await startHermes(pair("ensemble"), [theirs, onnx]).ended;
      await startOurs("ensemble", [ours, onnx]).ended;
      const answers: unknown[] = [];
      for (const path of [theirs, ours]) {
        const written = await openRepository(path);
        expect((await written.config("both")).schedulingChoice.case).toBe("ensembleScheduling");
        // This Triton has no onnxruntime backend: the same files on its python backend.
        for (const name of ["first", "second"])
          await addModel(written, {
            name,
            platform: "onnxruntime_onnx",
            source: onnx,
            backend: "python",
            replace: true,
          });
        await using server = await startRealTriton(path);
        await using client = await connect(server.address);
        const x = Float32Array.from({ length: 12 }, (_, i) => i);
        const { outputs } = await (await client.servedModel("both")).infer({ inputs: { x } });
        answers.push(outputs["y"]);
      }
      expect(answers[1]).toEqual(answers[0]);
      const data = Float32Array.from({ length: 12 }, (_, i) => 4 * i + 3);
      expect(answers[1]).toEqual({ datatype: "FP32", shape: [4, 3], data });
    });

    // Now and then a Python in hermes' empty environment finds no numpy, and its Triton no model: once more then.
    it("a server in a container, whose engine is a stand-in", { timeout: 120_000 }, async () => {
      const bin = await mkdtemp(join(folder, "bin-"));
      await writeTriton(bin, tritonHome ?? "");
      writeProgram(bin, "singularity", SINGULARITY);
      writeProgram(bin, "apptainer", APPTAINER);
      // hermes hands on an empty environment, and Python then looks where the system's programs are.
      await writeFile(
        join(bin, "sitecustomize.py"),
        `import os\nos.defpath = ${JSON.stringify(bin)} + ":" + os.defpath\n`,
      );
      const image = join(folder, "triton.sif");
      await writeFile(image, "");
      const env = { PATH: `${bin}${delimiter}${process.env["PATH"]}`, PYTHONPATH: bin };
      const args = [models, image];
      const theirs = await startHermes(pair("serve"), [...args, join(folder, "hermes.log")], env).ended;
      const ours = await startOurs("serve", [...args, join(folder, "ours.log")], env).ended;
      expect(theirs.values).toEqual([[true, true]]);
      expect(ours.values).toEqual(theirs.values);
      for (const log of ["hermes.log", "ours.log"])
        expect(await readFile(join(folder, log), "utf8")).toContain("successfully loaded 'doubled'");
    });
  });

  // Torch is too large for `npm test`: where `npm run test:exports` has installed it, this is tried as well.
  if (torchPython !== undefined)
    describe("find what they export", () => {
      it("a Torch network behind a stream, averaged", { timeout: 240_000 }, async () => {
        const [theirs, ours] = [join(folder, "torch-hermes"), join(folder, "torch-ours")];
        await mkdir(theirs);
        await startHermesWithTorch(pair("streaming-ensemble"), [theirs]).ended;
        await startOurs("streaming-ensemble", [ours, torchPython ?? ""]).ended;
        const answers: number[][] = [];
        for (const path of [theirs, ours]) {
          const server = await launch({ runtime: "embedded", repository: path });
          const client = await connect(server.address);
          const model = await client.servedModel("search");
          const session = model.openSession({ sequence: true });
          const input = model.inputs[0]?.name ?? "";
          const found: number[] = [];
          for (let i = 0; i < 6; i++) {
            const update = Float32Array.from({ length: 64 }, (_, j) => Math.sin(i + 0.3 * j));
            const { outputs } = await session.infer({ [input]: update });
            found.push(...Array.from(outputs["output_stream"]?.data ?? [], Number));
          }
          await session.close();
          client.close();
          await server.close();
          answers.push(found);
        }
        expect(answers[0]).toHaveLength(6 * 32);
        answers[1]?.forEach((value, i) => expect(value).toBeCloseTo(answers[0]?.[i] ?? Number.NaN, 5));
      });
    });

  it("have a test for each pair", () => {
    if (torchPython === undefined) tried.add("streaming-ensemble");
    if (tritonHome !== undefined) expect([...tried].sort()).toEqual([...new Set(names)].sort());
  });
});

/** Rows of a monitor's file, added up by model. */
async function sums(path: string): Promise<Record<string, number[]>> {
  const [, ...rows] = (await readFile(path, "utf8")).trimEnd().split("\n");
  const found: Record<string, number[]> = {};
  for (const row of rows) {
    const [, , model = "", ...numbers] = row.split(",");
    found[model] = numbers.map((value, i) => (found[model]?.[i] ?? 0) + Number(value));
  }
  return found;
}

/** What hermes calls of Singularity, with the real Triton in the image's place. */
const SINGULARITY = `
here=$(dirname "$0")
. "$here/triton"
while [ "\${1#-}" != "$1" ]; do
  [ "$1" = --version ] && echo "singularity-ce version 3.11.4" && exit
  shift
done
case "$1 $2" in
  "instance list") echo '{"instances": []}' ;;
  "instance stop") kill "$(cat "$here/singularity.pid")" ;;
  exec*)
    while [ "$1" != -c ]; do shift; done
    echo $$ > "$here/singularity.pid"
    eval "exec \\"$triton\\" $more --exit-timeout-secs=2 \${2#/opt/tritonserver/bin/tritonserver}"
    ;;
esac
`;

/** The same for ours. */
const APPTAINER = `
here=$(dirname "$0")
. "$here/triton"
while [ "$1" != tritonserver ]; do shift; done
shift
exec "$triton" "$@" $more
`;
