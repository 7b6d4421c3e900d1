import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { StrainflowError } from "@strainflow/series";
import type { Access, AccessRole, TlsMaterial } from "../access.ts";

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsMaterial;
  /** More are closed as they come. */
  readonly maxConnections: number;
}

export interface Listening {
  readonly server: Server;
  /** `http://host:port`, or `https://…`. */
  readonly address: string;
}

/** Opens a port for HTTP, or for HTTPS. `what` names it in the error. @throws `address-in-use` */
export async function listen(
  what: string,
  { host, port, tls, maxConnections }: ListenOptions,
  handler: RequestListener,
): Promise<Listening> {
  const server =
    tls === undefined
      ? createServer(handler)
      : createTlsServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true }, handler);
  server.maxConnections = maxConnections;
  const bound = await new Promise<number>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new StrainflowError("address-in-use", `${what} cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          details: { host, port },
        }),
      ),
    );
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
  return { server, address: `${tls === undefined ? "http" : "https"}://${host}:${bound}` };
}

/** Whether a request may go on; else it is answered here. */
export function admitted(
  access: Access,
  authorization: string | undefined,
  needed: AccessRole,
  response: ServerResponse,
): boolean {
  const verdict = access.judge(authorization, needed);
  if (verdict === "granted") return true;
  const [code, error] =
    verdict === "denied" ? [403, "this token's role does not allow it"] : [401, "a bearer token is needed"];
  const body = JSON.stringify({ error });
  response.writeHead(code, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...(code === 401 ? { "www-authenticate": "Bearer" } : {}),
  });
  response.end(body);
  return false;
}
