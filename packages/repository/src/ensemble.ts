import { create } from "@bufbuild/protobuf";
import { type ModelConfig, ModelConfigSchema, ModelEnsemblingSchema } from "@strainflow/proto";
import { type ConfigChanges, editConfig } from "./edit-config.ts";
import { inOrder, type Use } from "./ensemble-order.ts";
import { checkFit, type EnsembleStep, type Port, showPort, stepOf } from "./ensemble-ports.ts";
import {
  buildStreamingInputs,
  buildStreamingOutput,
  type StreamingInput,
  type StreamingInputsOptions,
  type StreamingOutputOptions,
} from "./ensemble-streams.ts";
import { repositoryError } from "./errors.ts";
import { parametersOf } from "./model-config.ts";
import type { Model, ModelRepository } from "./repository.ts";
import { streamingParameters } from "./streaming-parameters.ts";

/** What a client is told of the streams; the rest of it follows from how the ensemble is built. */
export interface EnsembleStream {
  /** Hz. */
  readonly sampleRate: number;
  /** Of all streams, in the order of the inputs. */
  readonly channels: readonly string[];
  /** Samples by which outputs stand for the past; what averaging adds is added. Default 0. */
  readonly latency?: number;
}

export interface EnsembleOptions {
  readonly name: string;
  /** Told to clients as `strainflow.*` parameters; without it they must be told by their options. */
  readonly stream?: EnsembleStream;
  /** Further fields of its configuration. */
  readonly changes?: ConfigChanges;
}

/** An ensemble in the making. Nothing is written before `write`. */
export interface Ensemble {
  readonly name: string;
  /** Adds a use of a model: one of the repository by its name, or one that is then written with the ensemble. */
  step(model: string | Model, options?: { readonly version?: number }): Promise<EnsembleStep>;
  /** Feeds an output to an input; one output may feed several. @throws `bad-ensemble` where they do not fit */
  pipe(from: Port, into: Port): void;
  /** Makes an input of the ensemble that feeds these inputs, all alike. Default name: the first one's. */
  addInput(into: Port | readonly Port[], options?: { readonly name?: string }): void;
  /** Makes an output of the ensemble. Default name: its own. */
  addOutput(from: Port, options?: { readonly name?: string }): void;
  /**
   * Puts a snapshotter before inputs that take kernels, `[B, C, L]` or `[B, L]`: the ensemble then takes updates
   * `[1, ΣC, S·B]` of the stream, and the server keeps the past. Several streams share the snapshotter and its sequences.
   *
   * @returns its step; each snapshot may be piped to further inputs
   * @throws `bad-ensemble`, `invalid-option`
   */
  addStreamingInputs(
    streams: StreamingInput | readonly StreamingInput[],
    options?: StreamingInputsOptions,
  ): EnsembleStep;
  /**
   * Puts an averager behind an output of overlapping kernels, `[B, K]` or `[B, C, K]`, and makes its series,
   * `[1, U·B]` or `[1, C, U·B]`, an output of the ensemble.
   *
   * @returns the averager's step
   * @throws `bad-ensemble`, `invalid-option`
   */
  addStreamingOutput(from: Port, options: StreamingOutputOptions): EnsembleStep;
  /** The ensemble and the models that were made for it. @throws `bad-ensemble` where an input is fed by nothing */
  build(): readonly Model[];
  /** Writes all that `build` gives: all of it or nothing. @throws `model-exists` unless `replace` is set */
  write(options?: { readonly replace?: boolean }): Promise<void>;
}

/**
 * Begins an ensemble over models of a repository.
 *
 * @example
 * ```ts
 * const ensemble = createEnsemble(repository, { name: "search", stream: { sampleRate: 2048, channels: ["H1", "L1"] } });
 * const network = await ensemble.step("network");
 * ensemble.addStreamingInputs({ into: network.input("x"), strideSize: 128 });
 * ensemble.addOutput(network.output("score"));
 * await ensemble.write();
 * ```
 */
export function createEnsemble(repository: ModelRepository, options: EnsembleOptions): Ensemble {
  const { name } = options;
  const uses: Use[] = [];
  const made: Model[] = [];
  const inputs = new Map<string, Port>();
  const outputs = new Map<string, Port>();
  /** Tensors of the ensemble: by the port that gives them, or that takes them. */
  const tensors = new Map<Port, string>();
  const streamed: { readonly input: string; readonly strideSize: number; readonly size: number }[] = [];
  let batchSize: number | undefined;
  let averaged: { readonly numUpdates: number; readonly updateSize: number } | undefined;

  const wrong = (why: string): Error =>
    repositoryError("bad-ensemble", `${name}: ${why}`, { modelName: name });
  const addUse = (config: ModelConfig, version = -1): EnsembleStep => {
    const step = stepOf(name, config);
    uses.push({ step, version });
    return step;
  };
  const own = (port: Port): void => {
    if (!uses.some(({ step }) => step === port.step))
      throw wrong(`${showPort(port)} is of another ensemble; get it from a step of this one`);
  };
  /** A name for a tensor: the wanted one, unless another port has it. */
  const free = (wanted: string, model: string, alsoTaken?: string): string => {
    const taken = new Set([...inputs.keys(), ...tensors.values(), alsoTaken]);
    if (!taken.has(wanted)) return wanted;
    for (let i = 0; ; i++) {
      const candidate = i === 0 ? `${model}.${wanted}` : `${model}.${i}.${wanted}`;
      if (!taken.has(candidate)) return candidate;
    }
  };
  const give = (from: Port): string => {
    const tensor = tensors.get(from) ?? free(from.name, from.step.model);
    tensors.set(from, tensor);
    return tensor;
  };
  const rename = (tensor: string, to: string): void => {
    for (const [port, its] of tensors) if (its === tensor) tensors.set(port, to);
  };
  /** Inputs and outputs are called what clients call them: what only flows inside gives way, whichever came first. */
  const claim = (wanted: string, what: "input" | "output"): void => {
    if (inputs.has(wanted) || outputs.has(wanted))
      throw wrong(`there is a tensor ${wanted} already; give the ${what} another name`);
    for (const [{ name: own, direction, step }, tensor] of tensors)
      if (tensor === wanted && direction === "output") {
        rename(wanted, free(own, step.model, wanted));
        return;
      }
  };
  const pipe = (from: Port, into: Port): void => {
    own(from);
    own(into);
    checkFit(name, from, into);
    if (tensors.has(into)) throw wrong(`${showPort(into)} is fed already; take one of the two out`);
    tensors.set(into, give(from));
  };
  const addInput = (
    into: Port | readonly Port[],
    { name: wanted }: { readonly name?: string } = {},
  ): void => {
    const ports = "name" in into ? [into] : into;
    const [first] = ports;
    if (first === undefined) throw wrong("an input must feed something");
    const input = wanted ?? first.name;
    for (const port of ports) {
      own(port);
      checkFit(name, { ...first, direction: "output" }, port);
      if (tensors.has(port)) throw wrong(`${showPort(port)} is fed already; take one of the two out`);
    }
    claim(input, "input");
    inputs.set(input, first);
    for (const port of ports) tensors.set(port, input);
  };
  const addOutput = (from: Port, { name: wanted }: { readonly name?: string } = {}): void => {
    own(from);
    if (from.direction !== "output") throw wrong(`${showPort(from)} is an input; give an output`);
    const current = tensors.get(from);
    if (current !== undefined && outputs.has(current))
      throw wrong(`${showPort(from)} is the output ${current} already`);
    const output = wanted ?? from.name;
    if (current !== output) claim(output, "output");
    // A tensor that is an output bears the output's name wherever it goes.
    if (current !== undefined) rename(current, output);
    tensors.set(from, output);
    outputs.set(output, from);
  };

  const build = (): readonly Model[] => {
    for (const { step } of uses)
      for (const port of step.inputs)
        if (!port.optional && !tensors.has(port))
          throw wrong(
            `nothing feeds ${showPort(port)}; pipe an output to it, or make it an input of the ensemble`,
          );
    const ordered = inOrder(uses, inputs, tensors);
    if (ordered.length < uses.length) throw wrong("some of its steps wait for each other");
    if (outputs.size === 0) throw wrong("it has no outputs; name them with addOutput or addStreamingOutput");
    const declare = ([tensor, port]: readonly [string, Port]) => ({
      name: tensor,
      dataType: port.dataType,
      dims: port.shape.map(BigInt),
    });
    const mapOf = (ports: readonly Port[]): Record<string, string> =>
      Object.fromEntries(
        ports.flatMap((port) => (tensors.has(port) ? [[port.name, tensors.get(port) ?? ""]] : [])),
      );
    const config = create(ModelConfigSchema, {
      name,
      platform: "ensemble",
      input: [...inputs].map(declare),
      output: [...outputs].map(declare),
      schedulingChoice: {
        case: "ensembleScheduling",
        value: create(ModelEnsemblingSchema, {
          step: ordered.map(({ step, version }) => ({
            modelName: step.model,
            modelVersion: BigInt(version),
            inputMap: mapOf(step.inputs),
            outputMap: mapOf(step.outputs),
          })),
        }),
      },
      parameters: parametersOf(facts()),
    });
    return [...made, { config: editConfig(config, options.changes ?? {}), files: { "1/": "" } }];
  };

  /** What follows from the streams for a client. */
  const facts = (): Record<string, string> => {
    const [first, second] = streamed;
    const { stream } = options;
    if (stream === undefined || first === undefined || batchSize === undefined) return {};
    const behind = ((averaged?.numUpdates ?? 1) - 1) * first.strideSize;
    return streamingParameters({
      sampleRate: stream.sampleRate,
      channels: stream.channels,
      strideSize: first.strideSize,
      batchSize,
      memory: Math.max(...streamed.map(({ size, strideSize }) => size - strideSize)) + behind,
      latency: (stream.latency ?? 0) + behind,
      ...(second === undefined ? { input: first.input } : {}),
      ...(averaged === undefined ? {} : { updateSize: averaged.updateSize }),
    });
  };

  return {
    name,
    async step(model, { version = -1 } = {}) {
      if (typeof model === "string") return addUse(await repository.config(model), version);
      made.push(model);
      return addUse(model.config, version);
    },
    pipe,
    addInput,
    addOutput,
    addStreamingInputs(streams, given = {}) {
      const list = "into" in streams ? [streams] : streams;
      const { model, batch, cuts } = buildStreamingInputs(name, list, given);
      const channels = list.flatMap(({ into }) => into);
      for (const port of channels) own(port);
      if (batchSize !== undefined && batchSize !== batch)
        throw wrong(`streams of ${batchSize} and of ${batch} kernels per request do not go together`);
      batchSize = batch;
      made.push(model);
      const step = addUse(model.config);
      for (const cut of cuts) {
        addInput(step.input(cut.update), { name: cut.input });
        streamed.push(cut);
        for (const [output, port] of cut.ports) pipe(step.output(output), port);
      }
      return step;
    },
    addStreamingOutput(from, given) {
      own(from);
      const model = buildStreamingOutput(name, from, given);
      made.push(model);
      const step = addUse(model.config);
      const { output = "output_stream" } = given;
      pipe(from, step.input("update"));
      addOutput(step.output(output));
      averaged ??= given;
      return step;
    },
    build,
    write: ({ replace = false } = {}) => repository.add(build(), { replace }),
  };
}
