import { type Http2Server, type Http2ServerOptions, serveHttp2 } from "@strainflow/http2";
import { StrainflowError } from "@strainflow/series";
import { FRAMES } from "../requests/frame-pool.ts";
import type { GrpcFront } from "./service.ts";

export type ListenOptions = Pick<Http2ServerOptions, "host" | "port" | "tls" | "maxConnections">;

/** Opens a port for calls. @throws `address-in-use` */
export async function listen(
  options: ListenOptions,
  onRequest: Http2ServerOptions["onRequest"],
): Promise<GrpcFront> {
  const server = await open(options, onRequest);
  return {
    address: options.port === false ? "" : `${options.host}:${server.port}`,
    accept: (socket) => server.accept(socket),
    drain: () => server.drain(),
    close: () => server.close(),
  };
}

async function open(
  { host, port, tls, maxConnections }: ListenOptions,
  onRequest: Http2ServerOptions["onRequest"],
): Promise<Http2Server> {
  try {
    return await serveHttp2({
      // An address of IPv6 stands in brackets, but for those who listen there.
      host: host.replace(/^\[(.*)\]$/, "$1"),
      port,
      ...(tls === undefined ? {} : { tls }),
      maxConnections,
      onRequest,
      // Answers lie in memory that is used again.
      onReleased: (bytes) => FRAMES.giveBack(bytes),
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StrainflowError("address-in-use", `gRPC cannot listen on ${host}:${port}: ${why}`, {
      cause,
      details: { host, port },
    });
  }
}
