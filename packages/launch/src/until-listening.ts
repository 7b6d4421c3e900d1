import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { StrainflowError } from "@strainflow/series";

/** Between two looks, in ms. */
const PAUSE_MS = 20;

/**
 * Waits until each URL's port takes connections. A Triton opens gRPC first and is ready there, a moment before it listens
 * for HTTP: who is told that it is ready asks there too.
 *
 * @throws `aborted` once the signal is
 */
export async function untilListening(urls: readonly string[], signal: AbortSignal): Promise<void> {
  for (const url of urls)
    while (!(await takesConnections(new URL(url)))) {
      if (signal.aborted) throw new StrainflowError("aborted", `waiting for ${url} was given up`);
      await pause(PAUSE_MS);
    }
}

function takesConnections({ hostname, port }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(port) });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
