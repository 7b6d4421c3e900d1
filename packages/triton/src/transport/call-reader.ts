import type { Header, StreamFailure, StreamListener } from "@strainflow/http2";
import { decompressor } from "./grpc-frames.ts";
import {
  type GrpcFailure,
  grpcFailure,
  httpFailure,
  lostFailure,
  refusedFailure,
  resetFailure,
  statusOf,
} from "./grpc-status.ts";
import { createMessageReader } from "./message-reader.ts";
import type { TransportEvents } from "./transport.ts";

interface CallEvents extends TransportEvents {
  /** The stream is of no more use. */
  giveUp(): void;
}

/** Reads a call's messages off its stream until it is over, and says how it ended. */
export function createCallReader(events: CallEvents): StreamListener {
  let status: Readonly<Record<string, string>> | undefined;
  let failure: GrpcFailure | undefined;
  let begun = false;
  const messages = createMessageReader(events.message, events.borrows);

  function finish(): void {
    if (status !== undefined) failure = statusOf(status) ?? failure;
    else failure ??= grpcFailure("INTERNAL", "the server ended the call without a status");
    if (failure === undefined && messages.isPartial)
      failure = grpcFailure("INTERNAL", "the last message is incomplete");
    events.closed(failure);
  }

  return {
    headers(headers) {
      const fields = recordOf(headers);
      if (begun || fields["grpc-status"] !== undefined) status = fields;
      if (begun) return;
      begun = true;
      messages.decompress = decompressor(fields["grpc-encoding"]);
      if (status === undefined && fields[":status"] !== "200")
        failure = httpFailure(Number(fields[":status"]));
    },
    data(bytes) {
      if (failure !== undefined || messages.push(bytes)) return;
      failure = grpcFailure("INTERNAL", "the server sent a compressed message that cannot be read");
      events.giveUp();
      events.closed(failure);
    },
    drain: events.drain,
    ended() {
      finish();
      // The other side is done, whatever ours still wanted to say.
      events.giveUp();
    },
    failed(lost) {
      if (status !== undefined) finish();
      else events.closed(failure ?? failureOf(lost));
    },
  };
}

function failureOf({ reason, code, message }: StreamFailure): GrpcFailure {
  if (reason === "refused") return refusedFailure(message);
  if (reason === "reset" && code !== undefined) return resetFailure(code, message);
  return lostFailure(reason === "lost" ? `the connection was lost (${message})` : message);
}

/** Fields by name; several of one name as one, in their order. */
function recordOf(headers: readonly Header[]): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const [name, value] of headers) {
    const before = fields[name];
    fields[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return fields;
}
