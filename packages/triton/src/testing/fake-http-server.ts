import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";

export interface FakeHttpServer {
  /** `http://127.0.0.1:port`, or with TLS. */
  readonly address: string;
  /** In the order of their arrival, without those about readiness. */
  readonly requests: readonly { readonly path: string; readonly headers: IncomingMessage["headers"] }[];
  kill(): void;
}

/** An HTTP server that is ready, and answers all else as it is told. */
export async function startFakeHttpServer(
  answer: (path: string, body: Buffer, response: ServerResponse) => void,
  tls?: ServerOptions,
): Promise<FakeHttpServer> {
  const requests: { path: string; headers: IncomingMessage["headers"] }[] = [];
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      if (!path.startsWith("/v2/health/")) requests.push({ path, headers: request.headers });
      if (path === "/v2/health/ready" || path === "/v2/health/live") response.end();
      else if (path === "/v2") response.end('{"name":"fake","version":"0","extensions":[]}');
      else answer(path, Buffer.concat(chunks), response);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the server has no port");
  return {
    address: `${tls === undefined ? "http" : "https"}://127.0.0.1:${bound.port}`,
    requests,
    kill() {
      server.closeAllConnections();
      server.close();
    },
  };
}
