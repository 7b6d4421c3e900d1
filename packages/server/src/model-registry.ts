import type { Model } from "./model.ts";
import { invalid, Refusal } from "./refusal.ts";

/** The models that are loaded, by name and version. */
export class ModelRegistry {
  /** By name, and then by version, lowest first. */
  readonly #models = new Map<string, ReadonlyMap<string, Model>>();

  add(model: Model): void {
    const { name, version } = model.spec;
    const versions = [...(this.#models.get(name) ?? []), [version, model] as const];
    this.#models.set(name, new Map(versions.sort(([a], [b]) => Number(a) - Number(b))));
  }

  /** All of them, by name, lowest version first. */
  all(): readonly Model[] {
    const names = [...this.#models.keys()].sort();
    return names.flatMap((name) => [...(this.#models.get(name)?.values() ?? [])]);
  }

  versions(name: string): readonly string[] {
    return [...(this.#models.get(name)?.keys() ?? [])];
  }

  /** The version asked for, or the highest where none is (""). */
  find(name: string, version: string): Model | undefined {
    const versions = this.#models.get(name);
    return version === "" ? [...(versions?.values() ?? [])].at(-1) : versions?.get(version);
  }

  /** @throws Refusal in Triton's words */
  get(name: string, version: string): Model {
    if (version !== "" && !/^[0-9]{1,18}$/.test(version))
      throw invalid(
        `failed to get model version from specified version string '${version}' (details: stoll), version should be an integral value > 0`,
      );
    const model = this.find(name, version);
    if (model !== undefined) return model;
    throw new Refusal(
      "NOT_FOUND",
      `Request for unknown model: '${name}'${this.#models.has(name) ? ` version ${version}` : ""} is not found`,
    );
  }

  get ready(): boolean {
    return this.all().every((model) => model.ready);
  }

  get idle(): boolean {
    return this.all().every((model) => model.scheduler.idle);
  }
}
