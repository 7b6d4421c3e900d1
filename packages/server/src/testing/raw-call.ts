import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";

/*
 * Calls byte by byte, as no gRPC library would make them.
 */

/** How a call ended, and the messages that came before. */
export interface CallEnd {
  /** HTTP's. */
  readonly httpStatus: number | undefined;
  /** gRPC's number, "" where none came. */
  readonly status: string;
  readonly details: string;
  /** The status came along with the headers. */
  readonly trailersOnly: boolean;
  readonly messages: readonly Buffer[];
  readonly resetCode: number;
}

/** A message with its prefix. */
export function frame(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}

export function openSession(address: string): ClientHttp2Session {
  const session = connect(`http://${address}`);
  session.on("error", () => {});
  return session;
}

export const MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer";
export const MODEL_STREAM_INFER = "/inference.GRPCInferenceService/ModelStreamInfer";

/** A call, with headers besides those that each has. */
export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {});
  return stream;
}

/** Reads a call to its end. */
export function ended(stream: ClientHttp2Stream): Promise<CallEnd> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let httpStatus: number | undefined;
    let status = "";
    let details = "";
    let trailersOnly = false;
    stream.on("response", (headers) => {
      httpStatus = headers[":status"];
      trailersOnly = headers["grpc-status"] !== undefined;
      status = String(headers["grpc-status"] ?? "");
      details = String(headers["grpc-message"] ?? "");
    });
    stream.on("trailers", (headers) => {
      status = String(headers["grpc-status"] ?? "");
      details = String(headers["grpc-message"] ?? "");
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    // A call may be over before the client has said all.
    stream.on("end", () => stream.end());
    stream.on("close", () =>
      resolve({
        httpStatus,
        status,
        details: decodeURIComponent(details),
        trailersOnly,
        messages: messagesOf(Buffer.concat(chunks)),
        resetCode: stream.rstCode ?? 0,
      }),
    );
  });
}

function messagesOf(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
