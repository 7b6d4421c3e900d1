import type { Socket } from "zeromq";
import type { Notice } from "./incoming-stream.ts";

/** How long ZeroMQ may take to announce a new attempt of its own; it does so at once. */
const PATIENCE_MS = 300;

/**
 * Connects again where ZeroMQ does not: it does after a lost connection, but gives an endpoint up for ever, without a
 * word, once something came from it that it refuses (a message above `maxMessageSize`, a broken frame).
 */
export function keepConnected(socket: Socket, endpoint: string, notice: (notice: Notice) => void): void {
  let timer: NodeJS.Timeout | undefined;
  const again = (): void => {
    if (socket.closed || timer === undefined) return;
    timer = undefined;
    notice({
      kind: "disconnected",
      message: `the connection to ${endpoint} was dropped for a message that is too large or malformed; connecting again`,
    });
    socket.disconnect(endpoint);
    socket.connect(endpoint);
  };
  socket.events.on("disconnect", () => {
    notice({ kind: "disconnected", message: `the connection to ${endpoint} is lost` });
    clearTimeout(timer);
    // The turn of the loop after the timer reads the events that a busy process has not seen yet.
    timer = setTimeout(() => setImmediate(again), PATIENCE_MS);
  });
  const connecting = (): void => {
    clearTimeout(timer);
    timer = undefined;
  };
  socket.events.on("connect:retry", connecting);
  socket.events.on("connect:delay", connecting);
  socket.events.on("end", connecting);
}
