import { hostAndPort, type ServerPorts } from "./server-ports.ts";
import type { ServerPlace } from "./server-process.ts";

/** The addresses of a server that listens there. */
export function placeOf(host: string, { grpc, http, metrics }: ServerPorts): Omit<ServerPlace, "pid"> {
  return {
    grpc: hostAndPort(host, grpc),
    ...(http === false ? {} : { http: `http://${hostAndPort(host, http)}` }),
    ...(metrics === false ? {} : { metrics: `http://${hostAndPort(host, metrics)}/metrics` }),
  };
}

/** The ports of a server that was there before, for the one that takes its place. */
export function portsOf({ grpc, http, metrics }: Omit<ServerPlace, "pid">): ServerPorts {
  return {
    grpc: portOf(grpc),
    http: http !== undefined && portOf(http),
    metrics: metrics !== undefined && portOf(metrics),
  };
}

function portOf(address: string): number {
  return Number(/:(\d+)(?:\/\w*)?$/.exec(address)?.[1]);
}
