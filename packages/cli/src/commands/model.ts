import { basename, extname } from "node:path";
import { buildStreamingNetwork, createRepository, openRepository } from "@strainflow/repository";
import { StrainflowError } from "@strainflow/series";
import type { Command } from "commander";
import { buildDetector, DETECTOR } from "../detector.ts";
import { addDetectorFlags, type DetectorFlags, describeShape, shapeOfFlags } from "../detector-flags.ts";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { type ModelFacts, modelOfServer, modelsOfRepository } from "../model-facts.ts";
import { makeOutputFolder } from "../output-folder.ts";
import { addPlacementFlags, type PlacementFlags, placementOfFlags } from "../placement-flags.ts";
import { readRepository, withRepository } from "../repository-of.ts";
import { type AccessFlags, accessOfFlags, addAccessAndConfigFlags } from "../server-access.ts";
import { addStoreFlags, type StoreFlags } from "../store-flags.ts";
import { createTerminal, type Terminal } from "../terminal.ts";
import { addModelConvert } from "./model-convert.ts";
import { addModelExport } from "./model-export.ts";
import { addModelList } from "./model-list.ts";
import { addModelPull } from "./model-pull.ts";
import { addModelPush } from "./model-push.ts";
import { addModelVerify } from "./model-verify.ts";

interface BuildFlags extends DetectorFlags, PlacementFlags {
  readonly out: string;
  readonly replace?: boolean;
  readonly json?: boolean;
}

interface InspectFlags extends StoreFlags, AccessFlags {
  readonly server?: string;
  readonly json?: boolean;
}

interface AddFlags extends PlacementFlags {
  readonly repository: string;
  readonly name?: string;
  readonly ifos: string[];
  readonly sampleRate: number;
  readonly outputsPerSecond: number;
  readonly batchSize?: number;
  readonly kernelSize?: number;
  readonly kernelInput?: string;
  readonly latency?: number;
  readonly average?: number;
  readonly updateSize?: number;
  readonly replace?: boolean;
  readonly json?: boolean;
}

const BUILD_EXAMPLE = `
Examples:
  $ strainflow model build --ifos H1,L1 --templates 16 -o models
  $ strainflow serve --repository models
  $ strainflow model build --backend python -o models     for a Triton without an onnxruntime backend`;

const INSPECT_EXAMPLE = `
Examples:
  $ strainflow model inspect models
  $ strainflow model inspect models matched-filter-stream
  $ strainflow model inspect --server grpc://127.0.0.1:8001 matched-filter-stream`;

const ADD_EXAMPLE = `
Example:
  $ strainflow model add classifier.onnx --ifos H1,L1 --sample-rate 2048 --outputs-per-second 16 -o models

The network takes kernels [batch, detectors, samples] in FP32, and gives outputs whose first dimension is the batch.
What is served for streams is the ensemble <name>-stream: snapshotter, network and, with --average, an averager.`;

/** `strainflow model …` */
export function defineModel(model: Command): void {
  const build = model
    .command("build")
    .description("write the built-in detector, a matched filter, into a model repository")
    .option("-o, --out <folder>", "the repository", "models")
    .option("--replace", "write over a detector that is there")
    .option("--json", "the result as one JSON object on stdout");
  addPlacementFlags(addDetectorFlags(build))
    .addHelpText("after", afterHelp(BUILD_EXAMPLE))
    .action(buildModel);
  const inspect = addStoreFlags(
    model
      .command("inspect")
      .description("what models take, give, keep and stream")
      .argument("[repository]", "a folder, s3://bucket/prefix, gs://bucket/prefix; left out with --server")
      .argument("[name]", "one model (default: all of them)")
      .option("--server <address>", "ask a running server: grpc://host:port")
      .option("--json", "one JSON object per model on stdout"),
  );
  addAccessAndConfigFlags(inspect).addHelpText("after", afterHelp(INSPECT_EXAMPLE)).action(inspectModels);
  const add = model
    .command("add")
    .description("add a network of your own, with the ensemble that streams into it")
    .argument("<onnx>", "the network, an ONNX file")
    .option("-o, --repository <folder>", "the repository", "models")
    .option("--name <name>", "its name (default: the file's)")
    .option("--ifos <names>", "detectors that it takes, by commas", flagValue.list, ["H1", "L1"])
    .option("--sample-rate <Hz>", "rate of its stream", flagValue.whole(1), 2048)
    .option("--outputs-per-second <n>", "kernels, and so outputs, per second", flagValue.whole(1), 16)
    .option("--batch-size <n>", "kernels per request (default: one second's)", flagValue.whole(1))
    .option(
      "--kernel-size <n>",
      "samples of a kernel, where the network takes any number",
      flagValue.whole(1),
    )
    .option("--kernel-input <name>", "which input takes kernels, where there are several")
    .option("--latency <n>", "samples by which its outputs stand for the past", flagValue.whole(0))
    .option("--average <n>", "average over so many kernels", flagValue.whole(1))
    .option("--update-size <n>", "output samples per kernel, with --average", flagValue.whole(1))
    .option("--replace", "write over models that are there")
    .option("--json", "the result as one JSON object on stdout");
  addPlacementFlags(add).addHelpText("after", afterHelp(ADD_EXAMPLE)).action(addNetworkOf);
  addModelExport(model);
  addModelConvert(model);
  addModelList(model);
  addModelPush(model);
  addModelPull(model);
  addModelVerify(model);
}

async function buildModel(flags: BuildFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const shape = shapeOfFlags(flags);
  await makeOutputFolder(flags.out);
  const there = await (await createRepository(flags.out)).list();
  if (flags.replace !== true && there.includes(DETECTOR))
    throw new StrainflowError(
      "model-exists",
      `${flags.out} holds ${DETECTOR} already; --replace writes over it, or choose another folder with -o`,
    );
  await buildDetector(flags.out, shape, placementOfFlags(flags));
  terminal.say("model", describeShape(shape));
  terminal.say("wrote", flags.out);
  terminal.record({
    type: "built",
    repository: flags.out,
    model: DETECTOR,
    ...shape,
    ...placementOfFlags(flags),
  });
}

async function inspectModels(
  repository: string | undefined,
  name: string | undefined,
  flags: InspectFlags,
): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const models = await modelsOf(repository, name, flags);
  for (const model of models) {
    terminal.record({ type: "model", ...model });
    if (!terminal.json) tellModel(model, terminal);
  }
}

async function modelsOf(
  repository: string | undefined,
  name: string | undefined,
  flags: InspectFlags,
): Promise<ModelFacts[]> {
  const { server } = flags;
  if (server !== undefined) {
    const asked = name ?? repository;
    return [await modelOfServer(server, asked ?? DETECTOR, await accessOfFlags(flags))];
  }
  if (repository === undefined)
    throw new StrainflowError("usage", "name the folder of a model repository, or a server with --server");
  const models = await readRepository(repository, flags, (opened) => modelsOfRepository(opened, name));
  if (models.length === 0)
    throw new StrainflowError(
      "no-model",
      `${repository} holds no models; make one with \`strainflow model build -o ${repository}\``,
    );
  return models;
}

function tellModel(model: ModelFacts, terminal: Terminal): void {
  terminal.line(model.name);
  const show = (shape: readonly number[]): string =>
    `[${shape.map((size) => (size === -1 ? "any" : size)).join(", ")}]`;
  const kind = [
    model.platform,
    ...(model.versions === undefined ? [] : [`version ${model.versions.join(", ")}`]),
  ];
  terminal.say(
    "kind",
    `${kind.join(", ")}${model.maxBatchSize > 0 ? `, batches up to ${model.maxBatchSize}` : ""}`,
  );
  if (model.steps.length > 0) terminal.say("steps", model.steps.join(" → "));
  for (const [label, tensors] of [
    ["takes", model.inputs],
    ["gives", model.outputs],
  ] as const)
    for (const [i, { name, datatype, shape }] of tensors.entries())
      terminal.say(i === 0 ? label : "", `${name} ${datatype} ${show(shape)}`);
  for (const [i, state] of model.states.entries())
    terminal.say(
      i === 0 ? "keeps" : "",
      `${state.output} → ${state.input}, ${state.datatype} ${show(state.shape)}`,
    );
  tellStreaming(model, terminal);
  terminal.line();
}

function tellStreaming({ streaming, templates }: ModelFacts, terminal: Terminal): void {
  const { sample_rate: rate, stride_size: stride, batch_size: batch, memory, latency } = streaming;
  const length = (samples: string | undefined): string => `${(Number(samples) / Number(rate)).toFixed(4)} s`;
  if (rate !== undefined && stride !== undefined) {
    terminal.say(
      "streams",
      `${streaming["channels"]} at ${rate} Hz into ${streaming["stream_input"]}; ${Number(rate) / Number(stride)} outputs/s, ${batch} per request`,
    );
    terminal.say("reaches", `${length(memory)} back; its outputs stand for ${length(latency)} before`);
  }
  if (templates !== undefined) terminal.say("templates", String(templates));
}

async function addNetworkOf(onnx: string, flags: AddFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const name = flags.name ?? basename(onnx, extname(onnx));
  const { kernelSize, kernelInput, latency, updateSize, average } = flags;
  await withRepository(flags.repository, {}, (repository) =>
    buildStreamingNetwork({
      repository,
      name,
      onnx,
      channels: flags.ifos,
      sampleRate: flags.sampleRate,
      inferenceSamplingRate: flags.outputsPerSecond,
      batchSize: flags.batchSize ?? flags.outputsPerSecond,
      replace: flags.replace === true,
      // Its own, since those of another model have other shapes.
      snapshotterName: `${name}-snapshotter`,
      aggregatorName: `${name}-aggregator`,
      ...placementOfFlags(flags),
      ...(kernelSize === undefined ? {} : { kernelSize }),
      ...(kernelInput === undefined ? {} : { kernelInput }),
      ...(latency === undefined ? {} : { latency }),
      ...(average === undefined ? {} : { numUpdates: average }),
      ...(updateSize === undefined ? {} : { updateSize }),
    }),
  );
  const repository = await openRepository(flags.repository);
  const [ensemble] = await modelsOfRepository(repository, `${name}-stream`);
  terminal.say(
    "added",
    `${name} and ${name}-stream to ${flags.repository} (${(await repository.list()).join(", ")})`,
  );
  if (ensemble !== undefined) {
    terminal.record({ type: "added", repository: flags.repository, ...ensemble });
    if (!terminal.json) tellModel(ensemble, terminal);
  }
}
