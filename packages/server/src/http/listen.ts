import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { StrainflowError } from "@strainflow/series";
import type { Access, AccessRole, TlsMaterial } from "../access.ts";

export interface ListenOptions {
  readonly host: string;
  /** `false`: it listens nowhere, and has the connections that it is given by `accept`. */
  readonly port: number | false;
  readonly tls?: TlsMaterial;
  /** More are closed as they come. */
  readonly maxConnections: number;
}

export interface Listening {
  readonly server: Server;
  /** `http://host:port`, or `https://…`; "" where it does not listen. */
  readonly address: string;
  /** Serves a connection that came in elsewhere; it may be paused. */
  readonly accept: (socket: Socket) => void;
  /** Takes no new connections; those that are idle are cut. Resolves when the others have ended. */
  readonly drain: () => Promise<void>;
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
  if (port === false) {
    const given = new Given(server, maxConnections);
    const drain = (): Promise<void> => given.drain();
    return { server, address: "", accept: (socket) => given.accept(socket), drain };
  }
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
  const address = `${tls === undefined ? "http" : "https"}://${host}:${bound}`;
  const drain = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeIdleConnections();
    });
  return { server, address, accept: (socket) => socket.destroy(), drain };
}

/** Connections that a server is given: it counts and ends by itself those only that it takes. */
class Given {
  readonly #server: Server;
  readonly #max: number;
  readonly #open = new Set<Socket>();

  constructor(server: Server, max: number) {
    this.#server = server;
    this.#max = max;
    // From here on it watches over the time that requests take.
    server.emit("listening");
  }

  accept(socket: Socket): void {
    if (this.#open.size >= this.#max) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    this.#server.emit("connection", socket);
    socket.resume();
  }

  /** Cuts those that are idle, as they become so. */
  async drain(): Promise<void> {
    while (this.#open.size > 0) {
      this.#server.closeIdleConnections();
      await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
    }
  }
}

/** How often connections are looked after that were given, in milliseconds. */
const DRAIN_MS = 20;

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
