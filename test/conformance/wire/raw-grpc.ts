import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  type ModelInferResponse,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from "@strainflow/proto";
import { encodeMessage, type InferInit, type Read, readResponse } from "./messages.ts";

/** Nothing that a healthy server is asked here takes this long, in milliseconds. */
const LIMIT_MS = 20_000;

/** A status other than OK. */
export interface Failure {
  readonly code: string;
  readonly text: string;
}

/** A gRPC client of nothing but grpc-js and the generated messages: no fault of ours can hide a server's. */
export class RawGrpc {
  readonly #client: Client;
  readonly #streams = new Set<RawStream>();

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    limitMs: number = LIMIT_MS,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        { deadline: Date.now() + limitMs },
        (error: ServiceError | null, response?: MessageShape<O>) => {
          if (error !== null) reject(error);
          else if (response !== undefined) resolve(response);
        },
      );
    });
  }

  /** The status of a call that fails; throws if it does not. */
  async failure<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    limitMs?: number,
  ): Promise<Failure> {
    const given = await this.call(method, request, limitMs).then(
      () => undefined,
      (error: ServiceError) => ({ code: status[error.code] ?? String(error.code), text: error.details }),
    );
    if (given === undefined) throw new Error("the call was answered with OK");
    return given;
  }

  respond(request: InferInit, limitMs?: number): Promise<ModelInferResponse> {
    return this.call(GRPCInferenceService.method.modelInfer, request, limitMs);
  }

  async infer(request: InferInit): Promise<Read> {
    return readResponse(await this.respond(request));
  }

  refused(request: InferInit, limitMs?: number): Promise<Failure> {
    return this.failure(GRPCInferenceService.method.modelInfer, request, limitMs);
  }

  stream(): RawStream {
    const stream = new RawStream(
      this.#client.makeBidiStreamRequest(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => fromBinary(ModelStreamInferResponseSchema, bytes),
      ),
    );
    this.#streams.add(stream);
    return stream;
  }

  /** One unary call that is given up after a while. */
  inferAndCancel(request: InferInit, afterMs: number): Promise<string> {
    return new Promise((resolve) => {
      const call = this.#client.makeUnaryRequest(
        "/inference.GRPCInferenceService/ModelInfer",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request)),
        (error: ServiceError | null) => resolve(error === null ? "OK" : (status[error.code] ?? "")),
      );
      setTimeout(() => call.cancel(), afterMs);
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
  }
}

/** What came on a stream: an answer or a refusal. */
export type Arrival = Read & { readonly error: string };

export class RawStream {
  readonly #call: ClientDuplexStream<Uint8Array, ModelStreamInferResponse>;
  readonly #arrived: Arrival[] = [];
  #wake: () => void = () => {};
  /** The status that the stream ended with. */
  readonly ended: Promise<Failure>;
  #over = false;

  constructor(call: ClientDuplexStream<Uint8Array, ModelStreamInferResponse>) {
    this.#call = call;
    call.on("data", ({ errorMessage, inferResponse }: ModelStreamInferResponse) => {
      this.#arrived.push({ ...readResponse(inferResponse), error: errorMessage });
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      call.on("status", ({ code, details }) => {
        this.#over = true;
        this.#wake();
        resolve({ code: status[code] ?? String(code), text: details });
      });
    });
    call.on("error", () => {});
  }

  send(...requests: readonly InferInit[]): void {
    for (const request of requests) this.#call.write(encodeMessage(request));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#call.write(bytes);
  }

  async next(): Promise<Arrival> {
    const deadline = performance.now() + LIMIT_MS;
    for (;;) {
      const arrived = this.#arrived.shift();
      if (arrived !== undefined) return arrived;
      if (this.#over) throw new Error("the stream ended with an answer still due");
      await this.#change(deadline - performance.now());
    }
  }

  async take(count: number): Promise<Arrival[]> {
    const taken: Arrival[] = [];
    while (taken.length < count) taken.push(await this.next());
    return taken;
  }

  /** Whether nothing arrives for a while. */
  async quietFor(ms: number): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return this.#arrived.length === 0;
  }

  /** No more requests. */
  end(): void {
    this.#call.end();
  }

  cancel(): void {
    if (!this.#over) this.#call.cancel();
  }

  #change(withinMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("nothing came on the stream")), Math.max(0, withinMs));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
