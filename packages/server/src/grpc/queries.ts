import { GRPCInferenceService } from "@strainflow/proto";
import type { Core } from "../core.ts";
import { modelConfig, modelMetadata, modelReady, serverMetadata } from "../metadata.ts";
import type { Endpoint } from "./endpoint.ts";
import { unary } from "./unary.ts";

/** What is there, how it is configured, and what it has done. */
export function queryEndpoints(core: Core): readonly Endpoint[] {
  const { method } = GRPCInferenceService;
  const { registry } = core;
  return [
    unary(method.serverLive, () => ({ live: true })),
    unary(method.serverReady, () => ({ ready: core.ready })),
    unary(method.serverMetadata, () => serverMetadata(core.handOver)),
    unary(method.modelReady, ({ name, version }) => ({ ready: modelReady(registry, name, version) })),
    unary(method.modelMetadata, ({ name, version }) => modelMetadata(registry, name, version)),
    unary(method.modelConfig, ({ name, version }) => ({ config: modelConfig(registry, name, version) })),
    unary(method.modelStatistics, async ({ name, version }) => ({
      modelStats: [...(await core.statistics(name, version))],
    })),
  ];
}
