import { createServer, type Server, type Socket } from "node:net";
import { StrainflowError } from "@strainflow/series";

export interface PortOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** As errors name what is spoken there: `HTTP`. */
  readonly what: string;
}

export interface OpenPort {
  readonly port: number;
  /** Takes no more connections. */
  close(): void;
}

/** Connections that the system keeps until they are taken. */
const BACKLOG = 1024;

/** Listens, and hands on connections of which nothing is read here. @throws `address-in-use` */
export async function openPort(
  { host, port, what }: PortOptions,
  take: (socket: Socket) => void,
): Promise<OpenPort> {
  const server: Server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    // A client that goes at once is nobody's failure.
    socket.on("error", () => socket.destroy());
    take(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new StrainflowError("address-in-use", `${what} cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          details: { host, port },
        }),
      ),
    );
    server.listen({ port, host, backlog: BACKLOG }, () => resolve());
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close: () => void server.close(),
  };
}
