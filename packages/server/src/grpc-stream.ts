import type { ServerDuplexStream } from "@grpc/grpc-js";
import type { Core } from "./core.ts";
import { encodeStreamError } from "./encode-response.ts";
import type { Pending } from "./model.ts";
import { Refusal } from "./refusal.ts";

interface Due {
  /** Bytes of request and, once there, response that the stream holds for it. */
  size: number;
  response: Buffer | undefined;
  pending: Pending | undefined;
}

export interface StreamLimits {
  /** Requests without an answer on one stream; more are not read until some are answered. */
  readonly maxInFlight: number;
  /** Bytes of requests and of answers not yet taken by the client. */
  readonly maxBytes: number;
}

/**
 * One `ModelStreamInfer` call: answers go out in the order of the requests, whatever the order in which they become
 * ready; a refused request is answered like any other, and the stream goes on.
 */
export function serveStream(
  core: Core,
  call: ServerDuplexStream<Buffer, Buffer>,
  limits: StreamLimits,
): void {
  const due: Due[] = [];
  let bytes = 0;
  let blocked = false;
  let paused = false;
  let ended = false;
  let over = false;

  const flow = (): void => {
    const full = due.length >= limits.maxInFlight || bytes >= limits.maxBytes;
    if (full === paused || over) return;
    paused = full;
    if (full) call.pause();
    else call.resume();
  };
  const flush = (): void => {
    while (!blocked && !over && due[0]?.response !== undefined) {
      const head = due.shift();
      if (head?.response === undefined) break;
      bytes -= head.size;
      blocked = !call.write(head.response);
    }
    if (ended && due.length === 0 && !over) {
      over = true;
      call.end();
    }
    flow();
  };

  call.on("data", (message: Buffer) => {
    const entry: Due = { size: message.byteLength, response: undefined, pending: undefined };
    due.push(entry);
    bytes += entry.size;
    entry.pending = core.infer(message, "streamed", ({ id, outcome }) => {
      if (over) return;
      const response = outcome instanceof Refusal ? encodeStreamError(id, outcome.message) : outcome;
      bytes += response.byteLength - entry.size;
      entry.size = response.byteLength;
      entry.response = response;
      flush();
    });
    flow();
  });
  call.on("drain", () => {
    blocked = false;
    flush();
  });
  call.on("end", () => {
    ended = true;
    flush();
  });
  const lose = (): void => {
    if (over) return;
    over = true;
    for (const { pending, response } of due) if (response === undefined) pending?.abandon();
    due.length = 0;
  };
  call.on("cancelled", lose);
  call.on("error", lose);
  call.on("close", lose);
}
