import {
  GRPCInferenceService,
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "@strainflow/proto";
import type { Core } from "../core.ts";
import { Refusal } from "../refusal.ts";
import { type AnyEndpoint, endpoint } from "./endpoint.ts";
import { serverStreaming, unary } from "./unary.ts";

/** How often a watcher of the server's health is looked after, in milliseconds. */
const WATCH_MS = 500;

/** `grpc.health.v1`: of the server as a whole (""), and of the inference service. */
export function healthEndpoints(core: Core): AnyEndpoint[] {
  const { method } = Health;
  const statusOf = (service: string): Serving | undefined => {
    if (service !== "" && service !== GRPCInferenceService.typeName) return undefined;
    return core.ready ? Serving.SERVING : Serving.NOT_SERVING;
  };
  return [
    endpoint(
      unary(method.check, ({ service }) => {
        const status = statusOf(service);
        if (status === undefined) throw new Refusal("NOT_FOUND", `service '${service}' is not served here`);
        return { status };
      }),
    ),
    endpoint(
      unary(method.list, () => ({
        statuses: Object.fromEntries(
          ["", GRPCInferenceService.typeName].map((service) => [
            service,
            { status: statusOf(service) ?? Serving.UNKNOWN },
          ]),
        ),
      })),
    ),
    endpoint(
      serverStreaming(method.watch, (call) => {
        let last: Serving | undefined;
        const look = (): void => {
          const status = statusOf(call.request.service) ?? Serving.SERVICE_UNKNOWN;
          if (status !== last) call.write({ $typeName: "grpc.health.v1.HealthCheckResponse", status });
          last = status;
        };
        look();
        const timer = setInterval(look, WATCH_MS).unref();
        call.on("cancelled", () => {
          clearInterval(timer);
          call.end();
        });
      }),
    ),
  ];
}
