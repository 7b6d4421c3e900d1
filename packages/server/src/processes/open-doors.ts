import { rmSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import { Access } from "../access.ts";
import type { Core } from "../core.ts";
import { httpListener } from "../http/service.ts";
import type { Pending } from "../models/model.ts";
import { Refusal } from "../refusal.ts";
import { SequenceOwner } from "../sequences/sequence-owner.ts";
import { type Frame, kinds, readFrames, sendFrame, withId } from "./frames.ts";
import type { SentRefusal } from "./sequence-link.ts";

export interface Doors {
  close(): void;
}

/** Where a process has requests from the others in HTTP; those of gRPC go to the path itself. */
export function httpPath(path: string): string {
  return `${path}.http`;
}

/**
 * Listens for requests that came to other processes and are of sequences of this one. The folder of `path` lets nobody
 * else in; who may do what was looked at where the request came in.
 */
export async function openDoors(core: Core, path: string, maxMessageSize: number): Promise<Doors> {
  const open = new Set<Socket>();
  const sequences = createServer((socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    serveLink(core, socket);
  });
  const http = createHttpServer(httpListener(core, { access: new Access([]), maxMessageSize }));
  await listen(sequences, path);
  await listen(http, httpPath(path));
  return {
    close: () => {
      sequences.close();
      for (const socket of open) socket.destroy();
      http.close();
      http.closeAllConnections();
      for (const file of [path, httpPath(path)]) rmSync(file, { force: true });
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve());
  });
}

/** Requests from one other process. */
function serveLink(core: Core, socket: Socket): void {
  const pending = new Map<number, Pending>();
  const owners = new Map<number, SequenceOwner>();
  const ownerOf = (number: number): SequenceOwner | undefined => {
    if (number === 0) return undefined;
    const owner = owners.get(number) ?? new SequenceOwner();
    owners.set(number, owner);
    return owner;
  };

  const infer = ({ kind, number, body }: Frame): void => {
    const under = core.infer(
      body.subarray(4),
      kind === kinds.unary ? "unary" : "streamed",
      ({ id, outcome }) => {
        pending.delete(number);
        if (outcome === undefined) sendFrame(socket, kinds.silence, number, withId(id));
        else if (outcome instanceof Refusal) {
          const { code, message } = outcome;
          const sent: SentRefusal = { code, message };
          sendFrame(socket, kinds.refusal, number, withId(id), Buffer.from(JSON.stringify(sent)));
        } else sendFrame(socket, kinds.answer, number, withId(id), outcome);
      },
      (response) => sendFrame(socket, kinds.more, number, response),
      ownerOf(body.readUInt32BE(0)),
    );
    pending.set(number, under);
  };

  readFrames(socket, (frame) => {
    const { kind, number } = frame;
    if (kind === kinds.unary || kind === kinds.streamed) infer(frame);
    else if (kind === kinds.abandon) pending.get(number)?.abandon();
    else {
      if (kind === kinds.lost) owners.get(number)?.lose();
      owners.delete(number);
    }
  });
  socket.on("error", () => socket.destroy());
  // The other process is gone, and all connections to it.
  socket.on("close", () => {
    for (const one of pending.values()) one.abandon();
    for (const owner of owners.values()) owner.lose();
  });
}
