import { invalid, Refusal } from "../refusal.ts";
import type { SequencePlace } from "../scheduling/scheduler.ts";
import { sequenceKey } from "../sequences/sequence-homes.ts";
import type { Model } from "./model.ts";

/** Triton's words for how far a version of a model is. */
export interface VersionState {
  readonly state: "READY" | "LOADING" | "UNLOADING" | "UNAVAILABLE";
  readonly reason: string;
}

interface Entry {
  /** By version, lowest first: they take new requests and sequences. */
  live: ReadonlyMap<string, Model>;
  /** Replaced or unloaded, newest first: they finish what began with them. */
  past: readonly Model[];
  /** Of versions that are not live. */
  readonly states: Map<string, VersionState>;
}

/**
 * The models by name and version, and what became of those that are gone. A version that is replaced keeps the requests
 * and sequences that it has; new ones go to the one that took its place.
 */
export class ModelRegistry {
  readonly #entries = new Map<string, Entry>();

  /** Puts these versions in the place of all that are live, at once. Versions that are among both stay as they are. */
  replace(name: string, models: readonly Model[]): void {
    const entry = this.#entry(name);
    const gone = [...entry.live.values()].filter((model) => !models.includes(model));
    entry.live = new Map(
      models.map((model) => [model.spec.version, model] as const).sort(([a], [b]) => Number(a) - Number(b)),
    );
    entry.past = [...gone, ...entry.past];
    for (const version of entry.live.keys()) entry.states.delete(version);
    for (const { spec } of gone)
      if (!entry.live.has(spec.version)) entry.states.set(spec.version, { state: "UNLOADING", reason: "" });
  }

  /** Says of a version that is not live how far it is. */
  note(name: string, version: string, state: VersionState): void {
    const entry = this.#entry(name);
    if (!entry.live.has(version)) entry.states.set(version, state);
  }

  /** Takes out the past models that nothing needs any more: those that are vacant and no other model's step. */
  sweep(): readonly Model[] {
    const steps = new Set(
      [...this.#entries.values()].flatMap(({ live, past }) => stepsOf([...live.values(), ...past])),
    );
    const swept: Model[] = [];
    for (const entry of this.#entries.values()) {
      const leaving = entry.past.filter((model) => model.scheduler.vacant && !steps.has(model));
      if (leaving.length === 0) continue;
      swept.push(...leaving);
      entry.past = entry.past.filter((model) => !leaving.includes(model));
      for (const { spec } of leaving)
        if (!entry.past.some((model) => model.spec.version === spec.version))
          this.note(spec.name, spec.version, { state: "UNAVAILABLE", reason: "unloaded" });
    }
    return swept;
  }

  /** Something that was replaced or unloaded has not finished. */
  get hasPast(): boolean {
    for (const { past } of this.#entries.values()) if (past.length > 0) return true;
    return false;
  }

  /** All live ones, by name, lowest version first. */
  all(): readonly Model[] {
    const names = [...this.#entries.keys()].sort();
    return names.flatMap((name) => this.live(name));
  }

  /** Of one name, lowest version first. */
  live(name: string): readonly Model[] {
    return [...(this.#entries.get(name)?.live.values() ?? [])];
  }

  versions(name: string): readonly string[] {
    return [...(this.#entries.get(name)?.live.keys() ?? [])];
  }

  /** Every version that was ever seen, lowest first; undefined if the name never was. */
  states(name: string): ReadonlyMap<string, VersionState> | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const states = new Map<string, VersionState>(entry.states);
    for (const [version, model] of entry.live)
      states.set(
        version,
        model.ready
          ? { state: "READY", reason: "" }
          : { state: "UNAVAILABLE", reason: "its compute thread is being started again" },
      );
    return new Map([...states].sort(([a], [b]) => Number(a) - Number(b)));
  }

  /** The version asked for, or the highest where none is (""). */
  find(name: string, version: string): Model | undefined {
    const live = this.#entries.get(name)?.live;
    // A zero in front is read over, as in Triton.
    const number = version.startsWith("0") ? version.replace(/^0+(?=.)/, "") : version;
    return version === "" ? [...(live?.values() ?? [])].at(-1) : live?.get(number);
  }

  /** @throws Refusal in Triton's words */
  get(name: string, version: string): Model {
    checkVersion(version);
    const model = this.find(name, version);
    if (model !== undefined) return model;
    const entry = this.#entries.get(name);
    const unknown = (rest: string): Refusal =>
      new Refusal("NOT_FOUND", `Request for unknown model: '${name}' ${rest}`);
    if (entry === undefined) throw unknown("is not found");
    if (version === "") throw unknown("has no available versions");
    if (!entry.states.has(version)) throw unknown(`version ${version} is not found`);
    throw new Refusal(
      "UNAVAILABLE",
      `Request for unknown model: '${name}' version ${version} is not at ready state`,
    );
  }

  /** As `get`, or one that was unloaded and has sequences yet to end. @throws Refusal in Triton's words */
  known(name: string, version: string): Model {
    const found = this.find(name, version);
    if (found !== undefined) return found;
    const past = this.#entries.get(name)?.past ?? [];
    return past.find(({ spec }) => version === "" || spec.version === version) ?? this.get(name, version);
  }

  /**
   * Where a request goes: to the version that its sequence began with, else as `get`.
   *
   * @throws Refusal in Triton's words
   */
  route(name: string, version: string, place: SequencePlace | undefined): Model {
    if (place === undefined || place.start) return this.get(name, version);
    const entry = this.#entries.get(name);
    const alone = entry !== undefined && entry.past.length === 0 && entry.live.size === 1;
    if (entry === undefined || alone) return this.get(name, version);
    const key = sequenceKey(place.id);
    const fits = (model: Model): boolean =>
      (version === "" || model.spec.version === version) && model.scheduler.holds(key);
    return [...entry.live.values()].reverse().find(fits) ?? entry.past.find(fits) ?? this.get(name, version);
  }

  /** Every version is up, or was unloaded on request (or is about to be: its last sequences may take hours). */
  get ready(): boolean {
    for (const { live, states } of this.#entries.values()) {
      for (const model of live.values()) if (!model.ready) return false;
      for (const { state, reason } of states.values())
        if (state === "LOADING" || (state === "UNAVAILABLE" && reason !== "unloaded")) return false;
    }
    return true;
  }

  get idle(): boolean {
    for (const { live, past } of this.#entries.values())
      for (const model of [...live.values(), ...past]) if (!model.scheduler.idle) return false;
    return true;
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { live: new Map(), past: [], states: new Map() };
      this.#entries.set(name, entry);
    }
    return entry;
  }
}

/** @throws Refusal (INVALID_ARGUMENT) */
export function checkVersion(version: string): void {
  if (version === "" || /^[0-9]{1,18}$/.test(version)) return;
  throw invalid(
    /^-[0-9]{1,18}$/.test(version)
      ? `invalid model version specified '${version}' , version should be an integral value > 0`
      : `failed to get model version from specified version string '${version.slice(0, 100)}' (details: stol), version should be an integral value > 0`,
  );
}

function stepsOf(models: readonly Model[]): readonly Model[] {
  return models.flatMap(({ steps }) => steps);
}
