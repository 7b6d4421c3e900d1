import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ModelConfig,
  ModelMetadataResponseSchema,
  ModelStatistics,
  RepositoryIndexResponse_ModelIndexSchema,
  ServerMetadataResponseSchema,
} from "@strainflow/proto";
import type { ModelRegistry } from "./model-registry.ts";
import type { Port } from "./model-spec.ts";
import { Refusal } from "./refusal.ts";

/** This package's version, and not Triton's: a client that asks learns whom it talks to. */
const VERSION = "0.1.0";

export function serverMetadata(): MessageInitShape<typeof ServerMetadataResponseSchema> {
  return {
    name: "strainflow",
    version: VERSION,
    extensions: ["sequence", "model_configuration", "statistics"],
  };
}

/** An unknown model is not ready; asking for it is no error. */
export function modelReady(registry: ModelRegistry, name: string, version: string): boolean {
  return registry.find(name, version)?.ready ?? false;
}

/** @throws Refusal (NOT_FOUND) */
export function modelMetadata(
  registry: ModelRegistry,
  name: string,
  version: string,
): MessageInitShape<typeof ModelMetadataResponseSchema> {
  const { spec, platform } = registry.get(name, version);
  const tensors = (ports: ReadonlyMap<string, Port>) =>
    [...ports.values()].map((port) => ({
      name: port.name,
      datatype: port.datatype,
      shape: port.shape.map(BigInt),
    }));
  return {
    name,
    versions: version === "" ? [...registry.versions(name)] : [version],
    platform,
    inputs: tensors(spec.inputs),
    outputs: tensors(spec.outputs),
  };
}

/** @throws Refusal (NOT_FOUND) */
export function modelConfig(registry: ModelRegistry, name: string, version: string): ModelConfig {
  return registry.get(name, version).spec.config;
}

/** Of one model, or of all where none is named. @throws Refusal (NOT_FOUND) */
export function modelStatistics(registry: ModelRegistry, name: string, version: string): ModelStatistics[] {
  const models = name === "" ? registry.all() : [registry.get(name, version)];
  return models.map(({ statistics, spec }) => statistics.toMessage(spec.name, spec.version));
}

export function repositoryIndex(
  registry: ModelRegistry,
  readyOnly: boolean,
): MessageInitShape<typeof RepositoryIndexResponse_ModelIndexSchema>[] {
  return registry
    .all()
    .filter((model) => model.ready || !readyOnly)
    .map(({ spec, ready }) => ({
      name: spec.name,
      version: spec.version,
      state: ready ? "READY" : "UNAVAILABLE",
      reason: ready ? "" : "its compute thread is being started again",
    }));
}

/** All models are loaded at the start and stay: Triton's mode `none`, and its words (hermes looks for them). */
export function refuseModelControl(): never {
  throw new Refusal("UNAVAILABLE", "explicit model load / unload is not allowed if polling is enabled");
}
