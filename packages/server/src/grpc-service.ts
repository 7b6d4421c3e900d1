import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import {
  GRPCInferenceService,
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "@strainflow/proto";
import { StrainflowError } from "@strainflow/series";
import type { Core } from "./core.ts";
import { type StreamLimits, serveStream } from "./grpc-stream.ts";
import { type Endpoint, pathOf, serverStreaming, serviceError, unary } from "./grpc-unary.ts";
import {
  modelConfig,
  modelMetadata,
  modelReady,
  modelStatistics,
  refuseModelControl,
  repositoryIndex,
  serverMetadata,
} from "./metadata.ts";
import { Refusal } from "./refusal.ts";

export interface GrpcOptions {
  readonly host: string;
  readonly port: number;
  readonly maxMessageSize: number;
  readonly streams: StreamLimits;
}

export interface GrpcFront {
  /** `host:port` */
  readonly address: string;
  /** Takes no new calls, and resolves when the open ones have ended by themselves. */
  drain(): Promise<void>;
  /** Cuts what is open. */
  close(): void;
}

/** Serves the models over gRPC. @throws `address-in-use` if the port cannot be had */
export async function serveGrpc(core: Core, options: GrpcOptions): Promise<GrpcFront> {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxMessageSize,
    "grpc.max_send_message_length": -1,
  });
  add(server, [...queries(core), modelInfer(core), modelStreamInfer(core, options.streams)]);
  add(server, health(core));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `${options.host}:${options.port}`,
      ServerCredentials.createInsecure(),
      (error, bound) => {
        if (error === null) resolve(bound);
        else
          reject(
            new StrainflowError(
              "address-in-use",
              `gRPC cannot listen on ${options.host}:${options.port}: ${error.message}`,
              { cause: error, details: { host: options.host, port: options.port } },
            ),
          );
      },
    );
  });
  return {
    address: `${options.host}:${port}`,
    drain: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    close: () => server.forceShutdown(),
  };
}

/** An endpoint of any messages: what it takes and gives is its definition's own affair. */
type AnyEndpoint = { readonly name: string; readonly register: (into: Registration) => void };
interface Registration {
  readonly service: Record<string, ServiceDefinition[string]>;
  readonly implementation: UntypedServiceImplementation;
}

function endpoint<I, O, H extends UntypedServiceImplementation[string]>(
  given: Endpoint<I, O, H>,
): AnyEndpoint {
  const { name, definition, handler } = given;
  return {
    name,
    register: ({ service, implementation }) => {
      service[name] = definition;
      implementation[name] = handler;
    },
  };
}

/** What a service declares and nobody registers is answered with UNIMPLEMENTED by grpc-js itself. */
function add(server: Server, endpoints: readonly AnyEndpoint[]): void {
  const registration: Registration = { service: {}, implementation: {} };
  for (const { register } of endpoints) register(registration);
  server.addService(registration.service, registration.implementation);
}

function queries(core: Core): AnyEndpoint[] {
  const { method } = GRPCInferenceService;
  const { registry } = core;
  return [
    endpoint(unary(method.serverLive, () => ({ live: true }))),
    endpoint(unary(method.serverReady, () => ({ ready: core.ready }))),
    endpoint(unary(method.serverMetadata, () => serverMetadata())),
    endpoint(
      unary(method.modelReady, ({ name, version }) => ({ ready: modelReady(registry, name, version) })),
    ),
    endpoint(unary(method.modelMetadata, ({ name, version }) => modelMetadata(registry, name, version))),
    endpoint(
      unary(method.modelConfig, ({ name, version }) => ({ config: modelConfig(registry, name, version) })),
    ),
    endpoint(
      unary(method.modelStatistics, ({ name, version }) => ({
        modelStats: modelStatistics(registry, name, version),
      })),
    ),
    endpoint(unary(method.repositoryIndex, ({ ready }) => ({ models: repositoryIndex(registry, ready) }))),
    endpoint(unary(method.repositoryModelLoad, () => refuseModelControl())),
    endpoint(unary(method.repositoryModelUnload, () => refuseModelControl())),
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

/** How often a watcher of the server's health is looked after, in milliseconds. */
const WATCH_MS = 500;

function health(core: Core): AnyEndpoint[] {
  const { method } = Health;
  const statusOf = (service: string): Serving | undefined => {
    if (service !== "" && service !== GRPCInferenceService.typeName) return undefined;
    return core.ready ? Serving.SERVING : Serving.NOT_SERVING;
  };
  return [
    endpoint(
      unary(method.check, ({ service }) => {
        const status = statusOf(service);
        if (status === undefined) throw new Refusal("NOT_FOUND", `service '${service}' is not served here`);
        return { status };
      }),
    ),
    endpoint(
      unary(method.list, () => ({
        statuses: Object.fromEntries(
          ["", GRPCInferenceService.typeName].map((service) => [
            service,
            { status: statusOf(service) ?? Serving.UNKNOWN },
          ]),
        ),
      })),
    ),
    endpoint(
      serverStreaming(method.watch, (call) => {
        let last: Serving | undefined;
        const look = (): void => {
          const status = statusOf(call.request.service) ?? Serving.SERVICE_UNKNOWN;
          if (status !== last) call.write({ $typeName: "grpc.health.v1.HealthCheckResponse", status });
          last = status;
        };
        look();
        const timer = setInterval(look, WATCH_MS).unref();
        call.on("cancelled", () => {
          clearInterval(timer);
          call.end();
        });
      }),
    ),
  ];
}
