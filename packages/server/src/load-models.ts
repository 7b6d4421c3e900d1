import { availableParallelism } from "node:os";
import { completeConfig } from "./complete-config.ts";
import { ComputeThread, type Graph } from "./compute-thread.ts";
import { planEnsemble } from "./ensemble-plan.ts";
import { EnsembleScheduler } from "./ensemble-scheduler.ts";
import { instanceCount, loadSpec } from "./load-spec.ts";
import { Model } from "./model.ts";
import { type ModelFolder, readModelRepository } from "./model-folder.ts";
import { ModelRegistry } from "./model-registry.ts";
import { modelSpec, notLoadable } from "./model-spec.ts";
import { controlInputs } from "./sequence-controls.ts";
import { SequenceHomes } from "./sequence-homes.ts";
import { SequenceScheduler } from "./sequence-scheduler.ts";
import { type Batching, StatelessScheduler } from "./stateless-scheduler.ts";
import { Statistics } from "./statistics.ts";
import type { LoadSpec } from "./worker-messages.ts";

export interface LoadedModels {
  readonly registry: ModelRegistry;
  readonly threads: readonly ComputeThread[];
}

export interface LoadOptions {
  readonly repository: string;
  /** Threads for stateless models, and at most as many again for sequences. */
  readonly workers: number;
  readonly log: (message: string) => void;
}

/**
 * Reads a repository and loads everything in it. Stateless models are loaded into every worker, stateful ones into
 * threads of their own, so that a sequence's cheap steps do not wait behind a network's run.
 *
 * @throws `repository-not-readable`, `model-not-loadable`
 */
export async function loadModels(options: LoadOptions): Promise<LoadedModels> {
  const folders = await readModelRepository(options.repository);
  const loader = new Loader(options);
  try {
    const plain = folders.filter(({ config }) => config.platform !== "ensemble");
    await Promise.all(
      plain.flatMap((folder) => folder.versions.map((version) => loader.loadOnnx(folder, version))),
    );
    for (const folder of folders)
      if (folder.config.platform === "ensemble") loader.loadEnsemble(folder, folders, []);
  } catch (error) {
    await Promise.all(loader.threads.map((thread) => thread.close()));
    throw error;
  }
  return { registry: loader.registry, threads: loader.threads };
}

class Loader {
  readonly registry = new ModelRegistry();
  readonly threads: ComputeThread[] = [];
  readonly #options: LoadOptions;
  readonly #workers: ComputeThread[] = [];
  readonly #sequenceThreads: ComputeThread[] = [];
  readonly #sequences: SequenceScheduler[] = [];
  #homes: SequenceHomes | undefined;
  #models = 0;
  #next = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async loadOnnx(folder: ModelFolder, version: string): Promise<void> {
    const { config } = folder;
    if (config.platform !== "onnxruntime_onnx" && config.backend !== "onnxruntime")
      throw notLoadable(
        folder.name,
        `its platform is '${config.platform || config.backend}'; the embedded server has onnxruntime_onnx and ensemble`,
      );
    if (config.modelTransactionPolicy?.decoupled === true)
      throw notLoadable(folder.name, "it is decoupled, which an ONNX model cannot be");
    const stateful = config.schedulingChoice.case === "sequenceBatching";
    const instances = instanceCount(config);
    const model = ++this.#models;
    const { workers } = this.#options;
    // Where nothing batches, more instances than asked for change no answer and keep every core busy.
    const batching = batchingOf(folder);
    const wanted = batching === undefined ? Math.max(workers, instances ?? 1) : (instances ?? 1);
    const parallel = Math.min(workers, wanted);
    const spec = await loadSpec(
      folder,
      version,
      stateful ? 1 : Math.max(1, Math.floor(availableParallelism() / parallel)),
    );
    const controls = controlInputs(config);
    const homes = stateful ? this.#sequenceHomes() : undefined;
    const threads = homes?.threads ?? this.#place(parallel);
    const graph = await this.#loadInto(folder, threads, model, spec);
    const complete = completeConfig(config, version, graph, spec, controls.names);
    const statistics = new Statistics();
    const batched = complete.maxBatchSize > 0;
    const { log } = this.#options;
    if (homes === undefined) {
      const placed = Array.from(
        { length: wanted },
        (_, at) => threads[at % threads.length] ?? this.#worker(0),
      );
      const scheduler = new StatelessScheduler({
        model,
        threads: placed,
        statistics,
        batched,
        ...(batching === undefined ? {} : { batching }),
      });
      this.#add(complete, "onnxruntime_onnx", statistics, scheduler, threads, false);
      return;
    }
    const scheduler = new SequenceScheduler({
      name: folder.name,
      model,
      homes,
      slots: slotsOf(folder, instances ?? 1),
      idleMs: idleMsOf(folder),
      controls,
      statistics,
      log,
    });
    this.#sequences.push(scheduler);
    this.#add(complete, "onnxruntime_onnx", statistics, scheduler, threads, true);
  }

  /** Its steps first; `above` are the ensembles that wait for this one. */
  loadEnsemble(folder: ModelFolder, all: readonly ModelFolder[], above: readonly string[]): void {
    if (this.registry.find(folder.name, "") !== undefined) return;
    if (above.includes(folder.name))
      throw notLoadable(folder.name, `it contains itself: ${[...above, folder.name].join(" → ")}`);
    const scheduling = folder.config.schedulingChoice;
    if (scheduling.case === "ensembleScheduling")
      for (const step of scheduling.value.step) {
        const inner = all.find(
          ({ name, config }) => name === step.modelName && config.platform === "ensemble",
        );
        if (inner !== undefined) this.loadEnsemble(inner, all, [...above, folder.name]);
      }
    for (const version of folder.versions) {
      const spec = modelSpec(folder.config, version);
      const plan = planEnsemble(spec, (name, wanted) => this.registry.find(name, wanted));
      const statistics = new Statistics();
      const scheduler = new EnsembleScheduler({
        name: folder.name,
        plan,
        batched: spec.maxBatchSize > 0,
        statistics,
      });
      const isReady = (): boolean => plan.steps.every(({ model }) => model.ready);
      this.registry.add(
        new Model({ spec, platform: "ensemble", statistics, scheduler, isReady, stateful: false }),
      );
    }
  }

  #add(
    spec: Model["spec"],
    platform: string,
    statistics: Statistics,
    scheduler: Model["scheduler"],
    threads: readonly ComputeThread[],
    stateful: boolean,
  ): void {
    const isReady = (): boolean => threads.every((thread) => thread.ready);
    this.registry.add(new Model({ spec, platform, statistics, scheduler, isReady, stateful }));
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

function batchingOf({ name, config }: ModelFolder): Batching | undefined {
  const scheduling = config.schedulingChoice;
  if (scheduling.case !== "dynamicBatching") return undefined;
  const maxSize = config.maxBatchSize;
  if (maxSize < 1) throw notLoadable(name, "dynamic_batching needs max_batch_size ≥ 1");
  const { preferredBatchSize, maxQueueDelayMicroseconds } = scheduling.value;
  if (preferredBatchSize.some((size) => size < 1 || size > maxSize))
    throw notLoadable(name, `preferred_batch_size [${preferredBatchSize}] must lie in 1 … ${maxSize}`);
  return {
    preferred: [...preferredBatchSize].sort((a, b) => a - b),
    maxSize,
    delayMs: Number(maxQueueDelayMicroseconds) / 1000,
  };
}

function slotsOf({ config }: ModelFolder, instances: number): number {
  const scheduling = config.schedulingChoice;
  if (scheduling.case === "sequenceBatching" && scheduling.value.strategyChoice.case === "oldest")
    return instances * Math.max(1, scheduling.value.strategyChoice.value.maxCandidateSequences);
  return instances * Math.max(1, config.maxBatchSize);
}

/** Triton's default is one second. */
function idleMsOf({ config }: ModelFolder): number {
  const scheduling = config.schedulingChoice;
  const given = scheduling.case === "sequenceBatching" ? scheduling.value.maxSequenceIdleMicroseconds : 0n;
  // Timers count in 31 bits: 24.8 days.
  return given === 0n ? 1000 : Math.min(Number(given) / 1000, 2 ** 31 - 1);
}
