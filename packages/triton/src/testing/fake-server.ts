import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import {
  GRPCInferenceService,
  type ModelConfigSchema,
  type ModelInferRequest,
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  type ModelMetadataResponseSchema,
  ModelStreamInferResponseSchema,
} from "@strainflow/proto";

export type StreamReply = MessageInitShape<typeof ModelStreamInferResponseSchema>;
export type Duplex = ServerDuplexStream<Buffer, Buffer>;

export interface FakeModel {
  readonly metadata: MessageInitShape<typeof ModelMetadataResponseSchema>;
  readonly config: MessageInitShape<typeof ModelConfigSchema>;
}

export interface FakeOptions {
  readonly port?: number;
  readonly models?: Readonly<Record<string, FakeModel>>;
  /** Answers a request of a stream. Default: {@link echo}. */
  stream?(request: ModelInferRequest, reply: (message: StreamReply) => void, call: Duplex): void;
  /** Answers `ModelInfer`: a refusal's text, or nothing for an echo. */
  unary?(request: ModelInferRequest): string | undefined;
  ready?(): boolean;
  /** Streams stay open when the client has said all. */
  readonly keepsOpen?: boolean;
  /** Default: none, in plain text. */
  readonly credentials?: ServerCredentials;
}

export interface FakeServer {
  readonly port: number;
  readonly address: string;
  /** Requests of all streams, in the order of their arrival. */
  readonly requests: ModelInferRequest[];
  /** Of all unary calls, in the order of their arrival. */
  readonly userAgents: string[];
  /** `authorization` of all calls, in the order of their arrival. */
  readonly authorizations: string[];
  /** Drops every connection at once, and the port with them. */
  kill(): void;
}

/** Gives every input back as an output of its name. */
export function echo(request: ModelInferRequest): StreamReply {
  return {
    inferResponse: {
      modelName: request.modelName,
      modelVersion: "1",
      id: request.id,
      outputs: request.inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
      rawOutputContents: request.rawInputContents,
    },
  };
}

/** A server of the wire's messages by the generated code, and so a check on the hand-written. */
export async function startFakeServer(options: FakeOptions = {}): Promise<FakeServer> {
  const requests: ModelInferRequest[] = [];
  const userAgents: string[] = [];
  const authorizations: string[] = [];
  const note = (metadata: Metadata): void => {
    authorizations.push(String(metadata.get("authorization")[0] ?? ""));
  };
  const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  const models = options.models ?? {};

  const found = (bytes: Buffer): FakeModel | undefined =>
    models[fromBinary(GRPCInferenceService.method.modelMetadata.input, bytes).name];

  const handlers: Record<string, (bytes: Buffer) => Buffer | string> = {
    ServerLive: () => encode(GRPCInferenceService.method.serverLive.output, { live: true }),
    ServerReady: () =>
      encode(GRPCInferenceService.method.serverReady.output, { ready: options.ready?.() ?? true }),
    ServerMetadata: () =>
      encode(GRPCInferenceService.method.serverMetadata.output, {
        name: "fake",
        version: "0",
        extensions: ["sequence"],
      }),
    ModelReady: (bytes) =>
      encode(GRPCInferenceService.method.modelReady.output, { ready: found(bytes) !== undefined }),
    ModelMetadata: (bytes) => {
      const model = found(bytes);
      return model === undefined
        ? "Request for unknown model: it is not found"
        : encode(GRPCInferenceService.method.modelMetadata.output, model.metadata);
    },
    ModelConfig: (bytes) => {
      const model = found(bytes);
      return model === undefined
        ? "Request for unknown model: it is not found"
        : encode(GRPCInferenceService.method.modelConfig.output, { config: model.config });
    },
    ModelInfer: (bytes) => {
      const request = fromBinary(ModelInferRequestSchema, bytes);
      requests.push(request);
      const refusal = options.unary?.(request);
      const { inferResponse } = echo(request);
      return refusal ?? encode(ModelInferResponseSchema, inferResponse ?? {});
    },
  };

  const identity = (bytes: Buffer): Buffer => bytes;
  const method = (name: string, streamed: boolean) => ({
    path: `/${GRPCInferenceService.typeName}/${name}`,
    requestStream: streamed,
    responseStream: streamed,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  });
  const names = [...Object.keys(handlers), "ModelStreamInfer"];
  const service = Object.fromEntries(names.map((name) => [name, method(name, name === "ModelStreamInfer")]));
  server.addService(service, {
    ...Object.fromEntries(
      Object.entries(handlers).map(([name, handle]) => [
        name,
        (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
          note(call.metadata);
          userAgents.push(String(call.metadata.get("user-agent")[0]));
          const answer = handle(call.request);
          if (typeof answer === "string")
            callback({
              code: /not found/.test(answer) ? status.NOT_FOUND : status.INVALID_ARGUMENT,
              details: answer,
            });
          else callback(null, answer);
        },
      ]),
    ),
    ModelStreamInfer(call: Duplex) {
      note(call.metadata);
      const reply = (message: StreamReply): void => {
        call.write(encode(ModelStreamInferResponseSchema, message));
      };
      call.on("data", (bytes: Buffer) => {
        const request = fromBinary(ModelInferRequestSchema, bytes);
        requests.push(request);
        if (options.stream) options.stream(request, reply, call);
        else reply(echo(request));
      });
      call.on("end", () => options.keepsOpen || call.end());
      call.on("error", () => undefined);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `127.0.0.1:${options.port ?? 0}`,
      options.credentials ?? ServerCredentials.createInsecure(),
      (error, bound) => (error === null ? resolve(bound) : reject(error)),
    );
  });
  return {
    port,
    address: `127.0.0.1:${port}`,
    requests,
    userAgents,
    authorizations,
    kill: () => server.forceShutdown(),
  };
}

function encode<D extends DescMessage>(schema: D, message: MessageInitShape<D>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, message)));
}
