import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, type ServiceError } from "@grpc/grpc-js";
import {
  GRPCInferenceService,
  type InferParameter,
  type ModelInferRequestSchema,
  type ModelInferResponse,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
  ModelInferRequestSchema as RequestSchema,
} from "@strainflow/proto";

/*
 * A client of nothing but grpc-js and the generated messages: what it reads, any Triton client reads.
 */

export type InferInit = MessageInitShape<typeof ModelInferRequestSchema>;

/** Bytes of float32 numbers. */
export function float32(values: ArrayLike<number>): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function floats(response: ModelInferResponse | undefined, output = 0): number[] {
  const bytes = response?.rawOutputContents[output] ?? new Uint8Array(0);
  return [...new Float32Array(Uint8Array.from(bytes).buffer)];
}

export function sequence(
  id: bigint | string,
  flags: { start?: boolean; end?: boolean } = {},
): Record<string, Omit<InferParameter, "$typeName">> {
  const bool = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });
  return {
    sequence_id: {
      parameterChoice:
        typeof id === "bigint" ? { case: "int64Param", value: id } : { case: "stringParam", value: id },
    },
    ...(flags.start ? { sequence_start: bool(true) } : {}),
    ...(flags.end ? { sequence_end: bool(true) } : {}),
  };
}

export class RawClient {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request),
        (error: ServiceError | null, response?: MessageShape<O>) => {
          if (error !== null) reject(error);
          else if (response !== undefined) resolve(response);
        },
      );
    });
  }

  infer(request: InferInit): Promise<ModelInferResponse> {
    return this.unary(GRPCInferenceService.method.modelInfer, request);
  }

  stream(): RawStream {
    return new RawStream(
      this.#client.makeBidiStreamRequest(
        "/inference.GRPCInferenceService/ModelStreamInfer",
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => fromBinary(ModelStreamInferResponseSchema, bytes),
      ),
    );
  }

  close(): void {
    this.#client.close();
  }
}

/** A stream whose responses are taken one by one. */
export class RawStream {
  readonly call: ClientDuplexStream<Uint8Array, ModelStreamInferResponse>;
  readonly #arrived: ModelStreamInferResponse[] = [];
  readonly #takers: ((response: ModelStreamInferResponse) => void)[] = [];
  /** How it ended; rejects on a status other than OK. */
  readonly ended: Promise<void>;

  constructor(call: ClientDuplexStream<Uint8Array, ModelStreamInferResponse>) {
    this.call = call;
    call.on("data", (response: ModelStreamInferResponse) => {
      const taker = this.#takers.shift();
      if (taker === undefined) this.#arrived.push(response);
      else taker(response);
    });
    this.ended = new Promise((resolve, reject) => {
      call.on("end", resolve);
      call.on("error", reject);
    });
    this.ended.catch(() => {});
  }

  send(request: InferInit): void {
    this.call.write(toBinary(RequestSchema, create(RequestSchema, request)));
  }

  next(): Promise<ModelStreamInferResponse> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  /** Whether something arrives within `ms`. */
  async quietFor(ms: number): Promise<boolean> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return this.#arrived.length === 0;
  }
}
