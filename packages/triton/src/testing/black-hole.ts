import { connect, createServer, type Server, type Socket } from "node:net";
import { cleanups } from "./stream-under-test.ts";

export interface BlackHole {
  readonly port: number;
  /** How many it has taken so far. */
  connections(): number;
  swallow(): void;
  release(): void;
}

/** A relay that can stop passing anything on, with its connections left open. */
export async function startBlackHole(target: number): Promise<BlackHole> {
  const sockets = new Set<Socket>();
  let swallowing = false;
  let connections = 0;
  const relay: Server = createServer((near) => {
    connections++;
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (chunk) => swallowing || to.write(chunk));
      from.on("error", () => undefined);
      from.on("close", () => swallowing || to.destroy());
    }
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const bound = relay.address();
  if (bound === null || typeof bound === "string") throw new Error("the relay has no port");
  return {
    port: bound.port,
    connections: () => connections,
    swallow: () => {
      swallowing = true;
    },
    release: () => {
      swallowing = false;
    },
  };
}
