import type { Access, TlsMaterial } from "../access.ts";
import { admitted, listen } from "../http/listen.ts";
import { refuse } from "../http/refuse.ts";

export interface MetricsFront {
  /** `http://host:port/metrics` */
  readonly address: string;
  close(): void;
}

/** Serves `/metrics`, on a port of its own: who may scrape need not be let infer. @throws `address-in-use` */
export async function serveMetrics(
  text: () => string | Promise<string>,
  options: {
    readonly host: string;
    readonly port: number;
    readonly access: Access;
    readonly tls?: TlsMaterial;
    readonly maxConnections: number;
  },
): Promise<MetricsFront> {
  const { server, address } = await listen("/metrics", options, (request, response) => {
    if (!admitted(options.access, request.headers.authorization, "read", response)) return;
    const send = (code: number, type: string, body: string): void => {
      response.writeHead(code, { "content-type": type, "content-length": Buffer.byteLength(body) });
      response.end(request.method === "HEAD" ? "" : body);
    };
    if (request.method !== "GET" && request.method !== "HEAD")
      send(405, "text/plain", '{"error":"Method Not Allowed"}');
    else if (request.url?.split("?")[0] !== "/metrics") send(404, "text/plain", '{"error":"Not Found"}');
    else
      Promise.resolve(text()).then(
        (page) => send(200, "text/plain; charset=utf-8", page),
        (error: unknown) => refuse(response, error),
      );
  });
  return {
    address: `${address}/metrics`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
