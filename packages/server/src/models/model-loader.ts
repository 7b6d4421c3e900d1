import { availableParallelism } from "node:os";
import { create } from "@bufbuild/protobuf";
import { ModelTransactionPolicySchema } from "@strainflow/proto";
import { ComputeThread, type Graph } from "../backends/compute-thread.ts";
import { loadNativeModel, NATIVE_BACKEND } from "../backends/native-model.ts";
import { warmUp } from "../backends/warm-up.ts";
import type { LoadSpec } from "../backends/worker-messages.ts";
import { planEnsemble } from "../ensembles/ensemble-plan.ts";
import { EnsembleScheduler } from "../ensembles/ensemble-scheduler.ts";
import { batchingOf, checkCaching, idleMsOf, sequenceBatchingOf, slotsOf } from "../scheduling/options.ts";
import { raggedOf } from "../scheduling/ragged-options.ts";
import type { RateLimiter, RateTurn } from "../scheduling/rate-limiter.ts";
import type { ResponseCache } from "../scheduling/response-cache.ts";
import { StatelessScheduler } from "../scheduling/stateless-scheduler.ts";
import { iterativeOf } from "../sequences/iterative.ts";
import { controlInputs } from "../sequences/sequence-controls.ts";
import { SequenceHomes } from "../sequences/sequence-homes.ts";
import { SequenceScheduler } from "../sequences/sequence-scheduler.ts";
import { readLabels } from "../tensors/labels.ts";
import { Statistics } from "../watching/statistics.ts";
import { completeConfig, withDefaults } from "./complete-config.ts";
import { instanceCount, loadSpec, rateShares } from "./load-spec.ts";
import { Model } from "./model.ts";
import type { ModelFolder } from "./model-folder.ts";
import { type ModelSpec, modelSpec, notLoadable } from "./model-spec.ts";
import { ensembleWithCache, withCache } from "./with-cache.ts";

/** Of one model: what a hundred thousand take is tens of megabytes, their states apart. */
const MAX_SEQUENCES = 100_000;

export interface LoadOptions {
  /** Threads for stateless models, and at most as many again for sequences. */
  readonly workers: number;
  readonly log: (message: string) => void;
  /** Answers of models that ask for it are kept here. */
  readonly cache?: ResponseCache;
  /** Instances run by turns. */
  readonly limiter?: RateLimiter;
  /** Of each model, before no more are taken. Default 100 000. */
  readonly maxSequences?: number;
}

/**
 * Makes models of their folders. Stateless models are loaded into every worker, stateful ones into threads of their own,
 * so that a sequence's cheap steps do not wait behind a network's run.
 */
export class ModelLoader {
  readonly threads: ComputeThread[] = [];
  readonly #options: LoadOptions;
  readonly #workers: ComputeThread[] = [];
  readonly #sequenceThreads: ComputeThread[] = [];
  readonly #sequences = new Set<SequenceScheduler>();
  #homes: SequenceHomes | undefined;
  #models = 0;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Loads one version, and warms it up. @throws `model-not-loadable` */
  async load(folder: ModelFolder, version: string): Promise<Model> {
    const { config } = folder;
    checkCaching(config);
    if (config.backend === NATIVE_BACKEND) return loadNativeModel(folder, version);
    if (config.platform !== "onnxruntime_onnx" && config.backend !== "onnxruntime")
      throw notLoadable(
        folder.name,
        `its platform is '${config.platform || config.backend}'; the embedded server has onnxruntime_onnx and ensemble`,
      );
    if (config.modelTransactionPolicy?.decoupled === true && iterativeOf(config)?.again === undefined)
      throw notLoadable(
        folder.name,
        "it is decoupled, which an ONNX model can be only where it is iterative and names an output by which it asks to run again (parameter strainflow.again)",
      );
    const stateful = config.schedulingChoice.case === "sequenceBatching";
    const instances = instanceCount(config);
    const model = ++this.#models;
    const { workers } = this.#options;
    // Where nothing batches, more instances than asked for change no answer and keep every core busy.
    const batches = batchingOf(config) !== undefined;
    const exact = batches || this.#options.limiter !== undefined;
    const wanted = exact ? (instances ?? 1) : Math.max(workers, instances ?? 1);
    const parallel = Math.min(workers, wanted);
    const threadsPerRun = stateful ? 1 : Math.max(1, Math.floor(availableParallelism() / parallel));
    const spec = await loadSpec(folder, version, threadsPerRun);
    const controls = controlInputs(config);
    const homes = stateful ? this.#sequenceHomes() : undefined;
    const threads = homes?.threads ?? this.#place(parallel);
    const release = (): void => {
      for (const thread of threads) thread.unload(model);
    };
    try {
      const graph = await this.#loadInto(folder, threads, model, spec);
      const completed = completeConfig(config, version, graph, spec, controls.names);
      const complete = { ...completed, labels: await readLabels(folder) };
      await warmUp(folder, complete, { model, threads, controls });
      return homes === undefined
        ? this.#stateless(complete, model, threads, wanted, release)
        : this.#stateful(complete, { model, homes, controls, instances: instances ?? 1 }, release);
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Makes an ensemble of models that are there. @throws `model-not-loadable` */
  ensemble(
    folder: ModelFolder,
    version: string,
    find: (name: string, version: string) => Model | undefined,
  ): Model {
    checkCaching(folder.config);
    const spec = modelSpec(folder.config, version);
    const plan = planEnsemble(spec, find);
    const scheduling = spec.config.schedulingChoice;
    const maxInFlight = scheduling.case === "ensembleScheduling" ? scheduling.value.maxInflightRequests : 0;
    const statistics = new Statistics();
    const transaction = create(ModelTransactionPolicySchema, { decoupled: plan.decoupled });
    const scheduler = new EnsembleScheduler({
      name: folder.name,
      plan,
      batched: spec.maxBatchSize > 0,
      statistics,
      maxInFlight,
    });
    const model = ++this.#models;
    return new Model({
      // Whatever it says of itself: it is decoupled if one of its steps is.
      spec: withDefaults({ ...spec, config: { ...spec.config, modelTransactionPolicy: transaction } }),
      platform: "ensemble",
      statistics,
      scheduler: ensembleWithCache(spec.config, plan, { model, statistics, scheduler }, this.#options),
      isReady: () => plan.steps.every(({ model }) => model.ready),
      stateful: false,
      release: () => this.#options.cache?.forget(model),
      steps: plan.steps.map(({ model }) => model),
    });
  }

  #stateless(
    spec: ModelSpec,
    model: number,
    threads: readonly ComputeThread[],
    wanted: number,
    release: () => void,
  ): Model {
    const statistics = new Statistics();
    const batching = batchingOf(spec.config);
    // A configuration that was completed may batch though the one that was given said nothing of it.
    const count = batching === undefined ? wanted : (instanceCount(spec.config) ?? 1);
    const ragged = raggedOf(spec.config);
    const turns = this.#turns(spec);
    const placed = Array.from({ length: count }, (_, at) => threads[at % threads.length] ?? this.#worker(0));
    const scheduler = new StatelessScheduler({
      model,
      threads: placed,
      statistics,
      batched: spec.maxBatchSize > 0,
      ...(batching === undefined ? {} : { batching }),
      ...(ragged === undefined ? {} : { ragged }),
      ...(turns === undefined ? {} : { turns }),
    });
    const cached = withCache(spec.config, { model, statistics, scheduler }, this.#options);
    return this.#model(spec, statistics, cached, threads, () => {
      for (const turn of turns ?? []) turn.leave();
      this.#options.cache?.forget(model);
      release();
    });
  }

  /** A place at the rate limiter for each instance. @throws `model-not-loadable` if one could never run */
  #turns(spec: ModelSpec): readonly RateTurn[] | undefined {
    const { limiter } = this.#options;
    if (limiter === undefined) return undefined;
    const shares = rateShares(spec.config);
    for (const share of shares) {
      const obstacle = limiter.obstacle(share);
      if (obstacle !== undefined) throw notLoadable(spec.name, obstacle);
    }
    return shares.map((share) => limiter.enter(share));
  }

  #stateful(
    spec: ModelSpec,
    sequence: {
      readonly model: number;
      readonly homes: SequenceHomes;
      readonly controls: ReturnType<typeof controlInputs>;
      readonly instances: number;
    },
    release: () => void,
  ): Model {
    const { model, homes, controls, instances } = sequence;
    const statistics = new Statistics();
    const sharing = sequenceBatchingOf(spec.config);
    const iterative = iterativeOf(spec.config);
    const scheduler = new SequenceScheduler({
      name: spec.name,
      model,
      homes,
      slots: slotsOf(spec.config, instances),
      instances,
      maxSequences: this.#options.maxSequences ?? MAX_SEQUENCES,
      ...(sharing === undefined ? {} : { batching: sharing }),
      idleMs: idleMsOf(spec.config),
      ...(iterative === undefined ? {} : { iterative }),
      decoupled: spec.config.modelTransactionPolicy?.decoupled === true,
      controls,
      statistics,
      log: this.#options.log,
    });
    this.#sequences.add(scheduler);
    return this.#model(spec, statistics, scheduler, homes.threads, () => {
      this.#sequences.delete(scheduler);
      release();
    });
  }

  #model(
    spec: ModelSpec,
    statistics: Statistics,
    scheduler: Model["scheduler"],
    threads: readonly ComputeThread[],
    release: () => void,
  ): Model {
    const isReady = (): boolean => threads.every((thread) => thread.ready);
    const stateful = scheduler instanceof SequenceScheduler;
    const platform = "onnxruntime_onnx";
    return new Model({
      spec: withDefaults(spec),
      platform,
      statistics,
      scheduler,
      isReady,
      stateful,
      release,
    });
  }

  async #loadInto(
    folder: ModelFolder,
    threads: readonly ComputeThread[],
    model: number,
    spec: LoadSpec,
  ): Promise<Graph> {
    try {
      const [graph] = await Promise.all(threads.map((thread) => thread.load(model, spec)));
      if (graph === undefined) throw new Error("there is no thread for it");
      return graph;
    } catch (error) {
      throw notLoadable(folder.name, error instanceof Error ? error.message : String(error), error);
    }
  }

  #thread(name: string): ComputeThread {
    const thread = new ComputeThread(name, this.#options.log);
    this.threads.push(thread);
    return thread;
  }

  #worker(index: number): ComputeThread {
    let worker = this.#workers[index];
    if (worker === undefined) {
      worker = this.#thread(`worker ${index}`);
      this.#workers[index] = worker;
    }
    return worker;
  }

  /** Spreads models of few instances over the workers. */
  #place(count: number): readonly ComputeThread[] {
    const first = this.#next;
    this.#next = (first + count) % this.#options.workers;
    return Array.from({ length: count }, (_, at) => this.#worker((first + at) % this.#options.workers));
  }

  #sequenceHomes(): SequenceHomes {
    if (this.#homes !== undefined) return this.#homes;
    for (let index = 0; index < this.#options.workers; index++) {
      const thread = this.#thread(`sequence worker ${index}`);
      thread.onLost = () => {
        for (const scheduler of this.#sequences) scheduler.lose(thread);
      };
      this.#sequenceThreads.push(thread);
    }
    this.#homes = new SequenceHomes(this.#sequenceThreads);
    return this.#homes;
  }
}
