import { createServer, type Server } from "node:net";
import { invalidOption, StrainflowError } from "@strainflow/series";

/** 0: any free one. `false`: none. */
export interface WantedPorts {
  readonly grpc: number;
  readonly http: number | false;
  readonly metrics: number | false;
}

/** The same, chosen. */
export type ServerPorts = WantedPorts;

/**
 * Chooses free ports, all different, and sees that fixed ones are not taken.
 *
 * Somebody may take one before the server does; a server that dies of it is started again on others.
 *
 * @throws `invalid-option`; `launch-port-taken`
 */
export async function choosePorts(host: string, wanted: WantedPorts): Promise<ServerPorts> {
  const held: Server[] = [];
  async function hold(name: string, port: number): Promise<number> {
    if (!Number.isInteger(port) || port < 0 || port > 65535)
      throw invalidOption("launch", `${name}Port`, port, "a port, 0 to 65535, where 0 takes a free one");
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => reject(cannotHave(name, host, port, cause)));
      server.listen({ host, port, exclusive: true }, resolve);
    });
    held.push(server);
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }
  try {
    const grpc = await hold("grpc", wanted.grpc);
    const http = wanted.http === false ? false : await hold("http", wanted.http);
    const metrics = wanted.metrics === false ? false : await hold("metrics", wanted.metrics);
    return { grpc, http, metrics };
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function cannotHave(name: string, host: string, port: number, cause: NodeJS.ErrnoException): StrainflowError {
  const why =
    cause.code === "EADDRINUSE"
      ? "somebody else listens there; choose another, or 0 for any free one"
      : cause.message;
  return new StrainflowError("launch-port-taken", `${name} port ${port} on ${host} cannot be had: ${why}`, {
    cause,
    details: { host, port },
  });
}

/** `host:port`, an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
