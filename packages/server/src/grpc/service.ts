import type { Socket } from "node:net";
import { encodeFields, type Http2Request, type ServerStream } from "@strainflow/http2";
import type { Access, TlsMaterial } from "../access.ts";
import type { Core } from "../core.ts";
import { refusalOf } from "./access.ts";
import { Call } from "./call.ts";
import { controlEndpoints } from "./control.ts";
import type { Endpoint } from "./endpoint.ts";
import { healthEndpoints } from "./health.ts";
import { inferenceEndpoints } from "./inference.ts";
import { listen } from "./listen.ts";
import { queryEndpoints } from "./queries.ts";
import { REFLECTION_PACKAGES, reflectionEndpoint } from "./reflection.ts";
import { statusOf } from "./status.ts";
import type { StreamLimits } from "./stream.ts";

export interface GrpcOptions {
  readonly host: string;
  /** `false`: it listens nowhere, and has the connections that it is given by `accept`. */
  readonly port: number | false;
  /** Bytes of a request, also of what it unpacks to; −1 for any. */
  readonly maxMessageSize: number;
  readonly streams: StreamLimits;
  readonly access: Access;
  readonly tls?: TlsMaterial;
  /** More are closed as they come. */
  readonly maxConnections: number;
}

export interface GrpcFront {
  /** `host:port`; "" where it does not listen. */
  readonly address: string;
  /** Serves a connection that came in elsewhere; it may be paused. */
  accept(socket: Socket): void;
  /** Takes no new calls, and resolves when the open ones have ended by themselves. */
  drain(): Promise<void>;
  /** Cuts what is open. */
  close(): void;
}

/** Serves the models over gRPC. @throws `address-in-use` if the port cannot be had */
export function serveGrpc(core: Core, options: GrpcOptions): Promise<GrpcFront> {
  const { access, streams, maxMessageSize } = options;
  const endpoints: ReadonlyMap<string, Endpoint> = new Map(
    [
      ...queryEndpoints(core),
      ...controlEndpoints(core),
      ...inferenceEndpoints(core, streams),
      ...healthEndpoints(core),
      ...REFLECTION_PACKAGES.map(reflectionEndpoint),
    ].map((endpoint) => [endpoint.path, endpoint]),
  );
  return listen(options, (request, stream) => {
    if (!isCall(request, stream)) return undefined;
    const { path } = request;
    const timeout = request.field("grpc-timeout");
    const call = new Call(stream, { timeout, encoding: request.field("grpc-encoding") }, maxMessageSize);
    const endpoint = endpoints.get(path);
    if (endpoint === undefined) {
      call.finish({ code: "UNIMPLEMENTED", details: `The server does not implement the method ${path}` });
      return call;
    }
    const refused = refusalOf(access, path, request.field("authorization"));
    if (refused !== undefined) {
      call.finish(refused);
      return call;
    }
    try {
      call.start(endpoint.open(call));
    } catch (error) {
      call.finish(statusOf(error));
    }
    return call;
  });
}

const NO_POST = encodeFields([
  [":status", "405"],
  ["allow", "POST"],
]);
const NO_GRPC = encodeFields([[":status", "415"]]);

/** Whether a request is a gRPC call; else it is answered here. */
function isCall(request: Http2Request, stream: ServerStream): boolean {
  const refusal =
    request.method !== "POST"
      ? NO_POST
      : request.field("content-type")?.startsWith("application/grpc")
        ? undefined
        : NO_GRPC;
  if (refusal === undefined) return true;
  stream.respond(refusal, true);
  return false;
}
