import { join, sep } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RepositoryIndexResponse_ModelIndexSchema } from "@strainflow/proto";
import { checkGraph } from "../ensembles/check-graph.ts";
import { stepNames } from "../ensembles/ensemble-order.ts";
import { Refusal } from "../refusal.ts";
import {
  type ControlLog,
  type FolderToLoad,
  type ModelControl,
  reasonOf,
  VersionNotLoadable,
} from "./model-control.ts";
import { type ModelFolder, modelFolderNames, readModelFolder } from "./model-folder.ts";
import { type LoadOverride, overriddenFolder } from "./model-override.ts";
import { notLoadable } from "./model-spec.ts";

/** Who decides what is loaded: the repository at the start, the repository at any time, or whoever asks. */
export type ModelControlMode = "none" | "poll" | "explicit";

export interface RepositoryOptions {
  readonly repository: string;
  readonly mode: ModelControlMode;
  /** In mode `explicit`: what is loaded at the start; `*` is everything. */
  readonly startupModels: readonly string[];
  /** In mode `poll`: milliseconds from one look at the repository to the next. */
  readonly pollMs: number;
  readonly log: ControlLog;
}

type Index = MessageInitShape<typeof RepositoryIndexResponse_ModelIndexSchema>;

/** A folder of models, and which of them are served. */
export class ModelRepository {
  readonly #control: ModelControl;
  readonly #options: RepositoryOptions;
  /** In mode `poll`: what each folder was when it was last tried. */
  readonly #seen = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(control: ModelControl, options: RepositoryOptions) {
    this.#control = control;
    this.#options = options;
  }

  /** Loads what is to be served from the start. @throws `repository-not-readable`, `model-not-loadable` */
  async start(): Promise<void> {
    const { repository, mode, startupModels } = this.#options;
    const all = await modelFolderNames(repository);
    const names = mode === "explicit" && !startupModels.includes("*") ? startupModels : all;
    const folders = new Map<string, ModelFolder>();
    for (const name of names) await this.#withSteps(name, folders, all);
    const failed = await this.#control.load([...folders.values()].map((folder) => ({ folder })));
    for (const error of failed.values()) throw error instanceof VersionNotLoadable ? error.cause : error;
    for (const [name, folder] of folders) this.#seen.set(name, signature(folder));
    if (mode === "poll") this.#pollLater();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#control.close();
  }

  /** Every model that lies in the repository, by version as far as it was ever loaded. */
  async index(readyOnly: boolean): Promise<Index[]> {
    const names = await modelFolderNames(this.#options.repository);
    return names.flatMap((name): Index[] => {
      const states = this.#control.registry.states(name);
      if (states === undefined) return readyOnly ? [] : [{ name }];
      return [...states]
        .filter(([, { state }]) => !readyOnly || state === "READY")
        .map(([version, { state, reason }]) => ({ name, version, state, reason: this.#withoutPath(reason) }));
    });
  }

  /** `gate`: awaited when it is loaded, and before it is served. @throws Refusal in Triton's words */
  load(name: string, override: LoadOverride, gate?: () => Promise<void>): Promise<void> {
    this.#mustBeExplicit();
    return this.#control.exclusive(() => this.#load(name, override, gate));
  }

  /** Unknown names are nothing to unload. `dependents`: an ensemble's models go with it. @throws Refusal */
  unload(name: string, dependents: boolean): Promise<void> {
    this.#mustBeExplicit();
    return this.#control.exclusive(async () => {
      this.#control.unload(dependents ? this.#withDependents(name) : [name]);
    });
  }

  #mustBeExplicit(): void {
    if (this.#options.mode !== "explicit")
      throw new Refusal("UNAVAILABLE", "explicit model load / unload is not allowed if polling is enabled");
  }

  async #load(name: string, override: LoadOverride, gate?: () => Promise<void>): Promise<void> {
    const folders = new Map<string, ModelFolder>();
    let own: FolderToLoad;
    try {
      const all = await modelFolderNames(this.#options.repository);
      own = await this.#ownFolder(name, override, all);
      // Before anything is loaded, as in Triton.
      checkGraph(own.folder.config, (why) => notLoadable(name, why));
      for (const step of stepNames(own.folder)) await this.#withSteps(step, folders, all).catch(() => {});
    } catch (error) {
      this.#options.log.error(`failed to poll '${name}': ${reasonOf(error)}`);
      throw new Refusal("INTERNAL", `failed to load '${name}', failed to poll from model repository`, {
        cause: error,
      });
    }
    const steps = [...folders.values()].filter(
      (folder) => this.#control.registry.live(folder.name).length === 0,
    );
    const failed = await this.#control.load([...steps.map((folder) => ({ folder })), own], async (failed) =>
      failed.has(name) ? undefined : gate?.(),
    );
    const error = failed.get(name);
    if (error === undefined) return;
    const missing = this.#control.missingSteps(own.folder);
    const why =
      missing.length > 0
        ? `ensemble ${name} contains models that are not available or ambiguous: ${missing.join(", ")}`
        : error instanceof VersionNotLoadable
          ? `version ${error.version} is at UNAVAILABLE state: Internal: ${reasonOf(error)};`
          : reasonOf(error);
    const text = `load failed for model '${name}': ${why}\n`.replaceAll(`${own.folder.path}${sep}`, "");
    throw new Refusal("INVALID_ARGUMENT", this.#withoutPath(text), { cause: error });
  }

  async #ownFolder(name: string, override: LoadOverride, all: readonly string[]): Promise<FolderToLoad> {
    const path = all.includes(name) ? join(this.#options.repository, name) : undefined;
    if (override.config !== undefined || override.files.size > 0)
      return overriddenFolder(name, path, override);
    const loaded = this.#control.folder(name);
    if (path === undefined) throw notLoadable(name, "it is not in the repository");
    const folder = await readModelFolder(name, path);
    // As Triton has it, a configuration that was given stays until the folder changes.
    const unchanged = loaded?.path === path && signature(loaded) === signature(folder);
    return { folder: unchanged && loaded !== undefined ? loaded : folder };
  }

  /** Reads a folder and those of the models that it runs. */
  async #withSteps(name: string, into: Map<string, ModelFolder>, all: readonly string[]): Promise<void> {
    if (into.has(name)) return;
    if (!all.includes(name)) throw notLoadable(name, `it is not in the repository`);
    const folder = await readModelFolder(name, join(this.#options.repository, name));
    into.set(name, folder);
    for (const step of stepNames(folder)) if (all.includes(step)) await this.#withSteps(step, into, all);
  }

  #withDependents(name: string): readonly string[] {
    const names = new Set<string>();
    const add = (one: string): void => {
      if (names.has(one)) return;
      names.add(one);
      const folder = this.#control.folder(one);
      if (folder !== undefined) for (const step of stepNames(folder)) add(step);
    };
    add(name);
    return [...names];
  }

  #pollLater(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#control
        .exclusive(() => this.#poll())
        .catch((error: unknown) =>
          this.#options.log.error(`the repository cannot be polled: ${String(error)}`),
        )
        .finally(() => this.#pollLater());
    }, this.#options.pollMs).unref();
  }

  async #poll(): Promise<void> {
    const { repository, log } = this.#options;
    const names = await modelFolderNames(repository);
    const changed: ModelFolder[] = [];
    const waiting: ModelFolder[] = [];
    for (const name of names) {
      try {
        const folder = await readModelFolder(name, join(repository, name));
        const isNew = this.#seen.get(name) !== signature(folder);
        this.#seen.set(name, signature(folder));
        if (isNew) changed.push(folder);
        else if (stepNames(folder).length > 0 && this.#control.registry.live(name).length === 0)
          waiting.push(folder);
      } catch (error) {
        const what = `not readable: ${reasonOf(error)}`;
        if (this.#seen.get(name) !== what) log.error(`failed to poll '${name}': ${what}`);
        this.#seen.set(name, what);
      }
    }
    const gone = [...this.#seen.keys()].filter((name) => !names.includes(name));
    for (const name of gone) this.#seen.delete(name);
    if (gone.length > 0) this.#control.unload(gone);
    // An ensemble whose models were not there may have them now.
    if (changed.length > 0) await this.#control.load([...changed, ...waiting].map((folder) => ({ folder })));
  }

  /** What a client reads says nothing of where things lie. */
  #withoutPath(text: string): string {
    return text.replaceAll(`${this.#options.repository}${sep}`, "");
  }
}

function signature({ fingerprints, versions }: ModelFolder): string {
  return [...versions, ...[...fingerprints].flat()].join("|");
}
