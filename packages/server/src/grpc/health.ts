import {
  GRPCInferenceService,
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "@strainflow/proto";
import type { Core } from "../core.ts";
import { Refusal } from "../refusal.ts";
import type { Endpoint } from "./endpoint.ts";
import { serverStreaming, unary } from "./unary.ts";

/** How often a watcher of the server's health is looked after, in milliseconds. */
const WATCH_MS = 500;

/** `grpc.health.v1`: of the server as a whole (""), and of the inference service. */
export function healthEndpoints(core: Core): readonly Endpoint[] {
  const { method } = Health;
  const statusOf = (service: string): Serving | undefined => {
    if (service !== "" && service !== GRPCInferenceService.typeName) return undefined;
    return core.ready ? Serving.SERVING : Serving.NOT_SERVING;
  };
  return [
    unary(method.check, ({ service }) => {
      const status = statusOf(service);
      if (status === undefined) throw new Refusal("NOT_FOUND", `service '${service}' is not served here`);
      return { status };
    }),
    unary(method.list, () => ({
      statuses: Object.fromEntries(
        ["", GRPCInferenceService.typeName].map((service) => [
          service,
          { status: statusOf(service) ?? Serving.UNKNOWN },
        ]),
      ),
    })),
    serverStreaming(method.watch, ({ service }, send) => {
      let last: Serving | undefined;
      const look = (): void => {
        const status = statusOf(service) ?? Serving.SERVICE_UNKNOWN;
        if (status !== last) send({ status });
        last = status;
      };
      look();
      const timer = setInterval(look, WATCH_MS).unref();
      return () => clearInterval(timer);
    }),
  ];
}
