import type { Socket } from "node:net";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import type { Access, TlsMaterial } from "../access.ts";
import type { Core } from "../core.ts";
import { modelConfig, modelMetadata, modelReady, serverMetadata } from "../metadata.ts";
import { Refusal } from "../refusal.ts";
import { accessInterceptor } from "./access.ts";
import { controlEndpoints } from "./control.ts";
import { type AnyEndpoint, addEndpoints, endpoint } from "./endpoint.ts";
import { healthEndpoints } from "./health.ts";
import { REFLECTION_PACKAGES, reflectionEndpoint } from "./reflection.ts";
import { type StreamLimits, serveStream } from "./stream.ts";
import { pathOf, serviceError, unary } from "./unary.ts";

export interface GrpcOptions {
  readonly host: string;
  /** `false`: it listens nowhere, and has the connections that it is given by `accept`. */
  readonly port: number | false;
  readonly maxMessageSize: number;
  readonly streams: StreamLimits;
  readonly access: Access;
  readonly tls?: TlsMaterial;
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
export async function serveGrpc(core: Core, options: GrpcOptions): Promise<GrpcFront> {
  const { access, tls } = options;
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageSize,
    "grpc.max_send_message_length": -1,
    // Every interceptor costs every message: none where everybody may do everything.
    ...(access.open ? {} : { interceptors: [accessInterceptor(access)] }),
  });
  const inference = [modelInfer(core), modelStreamInfer(core, options.streams)];
  addEndpoints(server, [...queries(core), ...controlEndpoints(core), ...inference]);
  addEndpoints(server, healthEndpoints(core));
  for (const version of REFLECTION_PACKAGES) addEndpoints(server, [reflectionEndpoint(version)]);
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(
          tls.ca ?? null,
          [{ cert_chain: tls.cert, private_key: tls.key }],
          tls.ca !== undefined,
        );
  const address = options.port === false ? "" : await bind(server, options.host, options.port, credentials);
  const accepted = options.port === false ? server.createConnectionInjector(credentials) : undefined;
  return {
    address,
    accept: (socket) => {
      accepted?.injectConnection(socket);
      socket.resume();
    },
    drain: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    close: () => server.forceShutdown(),
  };
}

/** @throws `address-in-use` */
function bind(server: Server, host: string, port: number, credentials: ServerCredentials): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`${host}:${port}`, credentials, (cause, bound) => {
      if (cause === null) resolve(`${host}:${bound}`);
      else
        reject(
          new StrainflowError("address-in-use", `gRPC cannot listen on ${host}:${port}: ${cause.message}`, {
            cause,
            details: { host, port },
          }),
        );
    });
  });
}

function queries(core: Core): AnyEndpoint[] {
  const { method } = GRPCInferenceService;
  const { registry } = core;
  return [
    endpoint(unary(method.serverLive, () => ({ live: true }))),
    endpoint(unary(method.serverReady, () => ({ ready: core.ready }))),
    endpoint(unary(method.serverMetadata, () => serverMetadata(core.handOver))),
    endpoint(
      unary(method.modelReady, ({ name, version }) => ({ ready: modelReady(registry, name, version) })),
    ),
    endpoint(unary(method.modelMetadata, ({ name, version }) => modelMetadata(registry, name, version))),
    endpoint(
      unary(method.modelConfig, ({ name, version }) => ({ config: modelConfig(registry, name, version) })),
    ),
    endpoint(
      unary(method.modelStatistics, async ({ name, version }) => ({
        modelStats: [...(await core.statistics(name, version))],
      })),
    ),
  ];
}

/** Messages as they are: the hand-written codec reads and writes them. */
function rawDefinition(
  method: { readonly parent: { readonly typeName: string }; readonly name: string },
  streaming: boolean,
): MethodDefinition<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path: pathOf(method),
    requestStream: streaming,
    responseStream: streaming,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
}

function modelInfer(core: Core): AnyEndpoint {
  const method = GRPCInferenceService.method.modelInfer;
  const handler: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
    const pending = core.infer(call.request, "unary", ({ outcome }) => {
      if (call.cancelled) return;
      if (outcome instanceof Refusal) callback(serviceError(outcome));
      else callback(null, outcome);
    });
    call.on("cancelled", () => pending.abandon());
  };
  return endpoint({ name: method.name, definition: rawDefinition(method, false), handler });
}

function modelStreamInfer(core: Core, limits: StreamLimits): AnyEndpoint {
  const method = GRPCInferenceService.method.modelStreamInfer;
  const handler: handleBidiStreamingCall<Buffer, Buffer> = (call) => serveStream(core, call, limits);
  return endpoint({ name: method.name, definition: rawDefinition(method, true), handler });
}
