import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  ModelConfig,
  ModelMetadataResponseSchema,
  ModelStatistics,
  ServerMetadataResponseSchema,
} from "@strainflow/proto";
import { checkVersion, type ModelRegistry } from "./models/model-registry.ts";
import type { Port } from "./models/model-spec.ts";
import { invalid } from "./refusal.ts";

/** This package's version, and not Triton's: a client that asks learns whom it talks to. */
const VERSION = "0.1.0";

export function serverMetadata(handOver: boolean): MessageInitShape<typeof ServerMetadataResponseSchema> {
  return {
    name: "strainflow",
    version: VERSION,
    extensions: [
      "classification",
      "sequence",
      "model_repository",
      "model_repository(unload_dependents)",
      "schedule_policy",
      "model_configuration",
      "system_shared_memory",
      "binary_tensor_data",
      "parameters",
      "statistics",
      "trace",
      "logging",
      ...(handOver ? [HAND_OVER] : []),
    ],
  };
}

/** How metadata names the extension by which sequences' states are handed over. */
const HAND_OVER = "strainflow_sequence_state";

/** An unknown model is not ready; asking for it is no error. @throws Refusal (INVALID_ARGUMENT) for a bad version */
export function modelReady(registry: ModelRegistry, name: string, version: string): boolean {
  checkVersion(version);
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

/** Of one model, all its versions where none is named, or of all models. @throws Refusal in Triton's words */
export function modelStatistics(registry: ModelRegistry, name: string, version: string): ModelStatistics[] {
  checkVersion(version);
  const named = name === "" ? registry.all() : registry.live(name);
  if (name !== "" && named.length === 0) throw invalid(`requested model '${name}' is not available`);
  const models = version === "" ? named : named.filter(({ spec }) => spec.version === version);
  if (name !== "" && models.length === 0)
    throw invalid(`requested model version is not available for model '${name}'`);
  return models.map(({ statistics, spec }) => statistics.toMessage(spec.name, spec.version));
}

/** That trace settings can be asked of this model; "" is all of them. @throws Refusal in Triton's words */
export function requireModel(registry: ModelRegistry, name: string): void {
  if (name !== "" && registry.live(name).length === 0) throw invalid(`Request for unknown model : ${name}`);
}
