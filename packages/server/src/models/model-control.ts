import { setTimeout as delay } from "node:timers/promises";
import { equals } from "@bufbuild/protobuf";
import { ModelConfigSchema } from "@strainflow/proto";
import { isStrainflowError } from "@strainflow/series";
import { dependentsOf, ensembleOrder, stepNames } from "../ensembles/ensemble-order.ts";
import type { Model } from "./model.ts";
import type { ModelFolder } from "./model-folder.ts";
import type { ModelLoader } from "./model-loader.ts";
import { ModelRegistry } from "./model-registry.ts";
import { notLoadable } from "./model-spec.ts";

export interface ControlOptions {
  readonly loader: ModelLoader;
  readonly log: ControlLog;
}

export interface ControlLog {
  info(message: string): void;
  warning(message: string): void;
  error(message: string): void;
}

/** A model as it was last loaded. */
interface Loaded {
  readonly folder: ModelFolder;
  /** Called when its last version has gone. */
  readonly dispose: () => void;
}

/** A folder to load; `dispose` is called when nothing of it is in use any more. */
export interface FolderToLoad {
  readonly folder: ModelFolder;
  readonly dispose?: () => void;
}

/** What is loaded and not served yet. */
interface Staged {
  readonly item: FolderToLoad;
  /** Those that are new. */
  readonly models: readonly Model[];
  /** All versions that are to be served. */
  readonly all: readonly Model[];
}

/**
 * Asked when all that can be loaded is, and nothing of it is served yet; it is served when this resolves, and let go when
 * it rejects. `failed`: what could not be loaded.
 */
export type LoadGate = (failed: ReadonlyMap<string, Error>) => Promise<void>;

/** How often models that were replaced or unloaded are looked after, in milliseconds. */
const SWEEP_MS = 20;

/**
 * Loads and unloads models while others are served. A model is replaced at once and by a whole: until all its new
 * versions run, the old ones serve; requests and sequences that they have, they keep; then they are let go.
 */
export class ModelControl {
  readonly registry: ModelRegistry = new ModelRegistry();
  readonly #options: ControlOptions;
  readonly #loaded = new Map<string, Loaded>();
  readonly #owners = new Map<Model, { users: number; readonly dispose: () => void }>();
  #turn: Promise<unknown> = Promise.resolve();
  #sweeping = false;
  #closed = false;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  /** The folder that a model was last loaded from. */
  folder(name: string): ModelFolder | undefined {
    return this.#loaded.get(name)?.folder;
  }

  /** One after the other: each sees what the one before it has done. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  /**
   * Loads these and rebuilds the ensembles that stand on them. Each succeeds or fails by itself: one that fails stays as
   * it was, and its error is in the answer. The others are served from one moment on, all together.
   */
  async load(wanted: readonly FolderToLoad[], gate?: LoadGate): Promise<ReadonlyMap<string, Error>> {
    const failed = new Map<string, Error>();
    const staged = new Map<string, Staged>();
    const isEnsemble = ({ folder }: FolderToLoad): boolean => folder.config.platform === "ensemble";
    const attempt = async (item: FolderToLoad, work: () => Promise<Staged | undefined>): Promise<void> => {
      const { name } = item.folder;
      try {
        for (const version of item.folder.missing)
          this.#options.log.error(
            `version ${version} is specified for model '${name}', but the version directory is not present`,
          );
        if (item.folder.versions.length === 0)
          throw notLoadable(
            name,
            `at least one version must be available under the version policy of model '${name}'`,
          );
        const done = await work();
        if (done !== undefined) staged.set(name, done);
      } catch (error) {
        item.dispose?.();
        const cause = error instanceof Error ? error : new Error(String(error));
        failed.set(name, cause);
        this.#options.log.error(`failed to load '${name}': ${cause.message}`);
      }
    };
    const plain = wanted.filter((item) => !isEnsemble(item));
    await Promise.all(plain.map((item) => attempt(item, () => this.#loadPlain(item))));
    const changed = new Set(staged.keys());
    const ensembles = new Map(wanted.filter(isEnsemble).map((item) => [item.folder.name, item]));
    for (const name of dependentsOf(changed, this.#liveFolders())) {
      const again = this.folder(name);
      if (again !== undefined && !ensembles.has(name)) ensembles.set(name, { folder: again });
    }
    const { ordered, circular } = ensembleOrder([...ensembles.values()].map(({ folder }) => folder));
    for (const [name, circle] of circular)
      failed.set(name, notLoadable(name, `it contains itself: ${circle.join(" → ")}`));
    for (const { name } of ordered) {
      const item = ensembles.get(name);
      if (item !== undefined) await attempt(item, async () => this.#loadEnsemble(item, staged));
    }
    try {
      await gate?.(failed);
    } catch (error) {
      for (const [name, { item, models }] of staged) {
        this.#letGo(name, models);
        item.dispose?.();
        failed.set(name, error instanceof Error ? error : new Error(String(error)));
      }
      return failed;
    }
    this.#serve(staged);
    return failed;
  }

  #serve(staged: ReadonlyMap<string, Staged>): void {
    for (const [name, { item, models, all }] of staged) {
      this.#take(item, models);
      this.registry.replace(name, all);
      this.#options.log.info(`successfully loaded '${name}'`);
    }
    this.#sweep();
  }

  /** Models that were loaded and shall not be served. */
  #letGo(name: string, models: readonly Model[]): void {
    for (const model of models) {
      model.release();
      this.registry.note(name, model.spec.version, { state: "UNAVAILABLE", reason: "unloaded" });
    }
  }

  /** No new requests for these, nor for ensembles that stand on them. */
  unload(names: readonly string[]): void {
    const all = new Set(names);
    for (const name of dependentsOf(all, this.#liveFolders())) all.add(name);
    for (const name of all) {
      const loaded = this.#loaded.get(name);
      if (loaded === undefined) continue;
      this.#loaded.delete(name);
      this.registry.replace(name, []);
      this.#options.log.info(`unloading '${name}'`);
    }
    this.#sweep();
  }

  /** What the names need that is not loaded. */
  missingSteps(folder: ModelFolder): readonly string[] {
    return stepNames(folder).filter((name) => this.registry.live(name).length === 0);
  }

  close(): void {
    this.#closed = true;
    for (const { dispose } of this.#owners.values()) dispose();
    this.#owners.clear();
  }

  #liveFolders(): readonly ModelFolder[] {
    return [...this.#loaded.values()].map(({ folder }) => folder);
  }

  /** `undefined`: there was nothing to do. */
  async #loadPlain(item: FolderToLoad): Promise<Staged | undefined> {
    const { folder } = item;
    const { name } = folder;
    const before = this.#loaded.get(name);
    const live = this.registry.live(name);
    const kept = live.filter(
      ({ spec: { version } }) =>
        before !== undefined &&
        equals(ModelConfigSchema, before.folder.config, folder.config) &&
        before.folder.path === folder.path &&
        folder.fingerprints.get(version) === before.folder.fingerprints.get(version),
    );
    const versions = folder.versions.filter((version) => !kept.some(({ spec }) => spec.version === version));
    if (versions.length === 0 && kept.length === live.length) {
      item.dispose?.();
      return undefined;
    }
    for (const version of versions) this.registry.note(name, version, { state: "LOADING", reason: "" });
    const outcomes = await Promise.allSettled(
      versions.map((version) => this.#options.loader.load(folder, version)),
    );
    const models = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    const at = outcomes.findIndex(({ status }) => status === "rejected");
    const failure = outcomes[at];
    if (failure?.status === "rejected") {
      // All or nothing, as in Triton: half a new model beside half an old one is neither.
      for (const model of models) model.release();
      outcomes.forEach((outcome, index) => {
        const reason = outcome.status === "rejected" ? reasonOf(outcome.reason) : "unloaded";
        this.registry.note(name, versions[index] ?? "", { state: "UNAVAILABLE", reason });
      });
      throw new VersionNotLoadable(versions[at] ?? "", failure.reason);
    }
    const staying = kept.filter(({ spec }) => folder.versions.includes(spec.version));
    return { item, models, all: [...staying, ...models] };
  }

  #loadEnsemble(item: FolderToLoad, staged: ReadonlyMap<string, Staged>): Staged | undefined {
    const { folder } = item;
    const find = (name: string, version: string): Model | undefined => {
      const all = staged.get(name)?.all;
      return all === undefined ? this.registry.find(name, version) : ofVersion(all, version);
    };
    const models = folder.versions.map((version) => this.#options.loader.ensemble(folder, version, find));
    const before = this.folder(folder.name);
    const live = this.registry.live(folder.name);
    const same =
      before !== undefined &&
      equals(ModelConfigSchema, before.config, folder.config) &&
      live.length === models.length &&
      live.every(({ steps }, at) => steps.every((step, index) => step === models[at]?.steps[index]));
    if (same) {
      item.dispose?.();
      return undefined;
    }
    return { item, models, all: models };
  }

  #take({ folder, dispose = () => {} }: FolderToLoad, models: readonly Model[]): void {
    const owner = { users: models.length, dispose };
    for (const model of models) this.#owners.set(model, owner);
    this.#loaded.set(folder.name, { folder, dispose });
  }

  /** Lets go of what has finished, now and until nothing is left to finish. */
  #sweep(): void {
    for (const model of this.registry.sweep()) {
      model.release();
      const owner = this.#owners.get(model);
      this.#owners.delete(model);
      if (owner === undefined) continue;
      owner.users -= 1;
      if (owner.users === 0) owner.dispose();
      this.#options.log.info(`successfully unloaded '${model.spec.name}' version ${model.spec.version}`);
    }
    if (this.#sweeping || !this.registry.hasPast || this.#closed) return;
    this.#sweeping = true;
    void delay(SWEEP_MS, undefined, { ref: false }).then(() => {
      this.#sweeping = false;
      if (!this.#closed) this.#sweep();
    });
  }
}

/** As the registry finds one among those that it has. */
function ofVersion(models: readonly Model[], version: string): Model | undefined {
  if (version !== "") return models.find(({ spec }) => spec.version === version);
  return models.toSorted((a, b) => Number(a.spec.version) - Number(b.spec.version)).at(-1);
}

/** One version that could not be loaded, and so none of its model. */
export class VersionNotLoadable extends Error {
  readonly version: string;

  constructor(version: string, cause: unknown) {
    super(reasonOf(cause), { cause });
    this.version = version;
  }
}

/** The words of a failure without those that every failure has. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return isStrainflowError(error) ? message.replace(/^model '[^']*' cannot be loaded: /, "") : message;
}
