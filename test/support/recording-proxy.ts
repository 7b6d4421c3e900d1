import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";

/** What a client sent in one call, as it came over its connection. */
export interface RecordedCall {
  readonly path: string;
  /** All bytes of the call's body: gRPC's frames. */
  readonly body: Buffer[];
}

/** A proxy between a gRPC client and its server that passes on all of both, and keeps what the client says. */
export interface RecordingProxy extends AsyncDisposable {
  /** `host:port` for the client. */
  readonly address: string;
  /** In the order in which they were begun. */
  readonly calls: readonly RecordedCall[];
}

/** @param server `host:port`, without TLS */
export async function startRecordingProxy(server: string): Promise<RecordingProxy> {
  const calls: RecordedCall[] = [];
  const far: ClientHttp2Session = connect(`http://${server}`);
  const near = createServer();
  near.on("session", (session) => far.once("close", () => session.destroy()));
  near.on("stream", (stream, headers) => {
    const call: RecordedCall = { path: String(headers[":path"]), body: [] };
    calls.push(call);
    const onward = far.request(headersOnly(headers, [":method", ":path", ":scheme"]), { endStream: false });
    stream.on("data", (bytes: Buffer) => call.body.push(bytes));
    passOn(stream, onward);
  });
  near.listen(0, "127.0.0.1");
  await once(near, "listening");
  const bound = near.address();
  if (bound === null || typeof bound === "string") throw new Error("the proxy has no port");
  return {
    address: `127.0.0.1:${bound.port}`,
    calls,
    async [Symbol.asyncDispose]() {
      far.destroy();
      near.close();
      await once(near, "close");
    },
  };
}

function passOn(near: ServerHttp2Stream, far: ClientHttp2Stream): void {
  near.pipe(far);
  let trailers: OutgoingHttpHeaders = {};
  far.on("response", (headers, flags) => {
    // Headers alone, as a refusal comes, are the end.
    const isEnd = (flags & END_STREAM) !== 0;
    near.respond(headersOnly(headers, [":status"]), { endStream: isEnd, waitForTrailers: !isEnd });
    if (!isEnd) far.pipe(near);
  });
  far.on("trailers", (headers) => {
    trailers = headersOnly(headers, []);
  });
  near.on("wantTrailers", () => near.sendTrailers(trailers));
  near.on("error", () => far.destroy());
  near.on("aborted", () => far.close(near.rstCode));
  far.on("error", () => near.destroy());
  far.on("aborted", () => near.close(far.rstCode));
}

const END_STREAM = 1;

/** Without pseudo-headers but those named, and without symbols, which are Node's own. */
function headersOnly(headers: IncomingHttpHeaders, kept: readonly string[]): OutgoingHttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(":") || kept.includes(name)),
  );
}

/** The messages in the body of a call. */
export function messagesOf({ body }: RecordedCall): Buffer[] {
  const bytes = Buffer.concat(body);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== 0) throw new Error("a compressed message");
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end > bytes.length) throw new Error("a message that was cut off");
    found.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return found;
}
