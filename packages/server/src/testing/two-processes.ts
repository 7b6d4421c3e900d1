import { once } from "node:events";
import { connect } from "node:http2";
import { connect as connectTo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { create, toBinary } from "@bufbuild/protobuf";
import { ModelInferRequestSchema } from "@strainflow/proto";
import { homeOf } from "../processes/home-of.ts";
import { type ServerOfProcesses, serveProcesses } from "../processes/serve-processes.ts";
import { controlModels, counter, io, onnx } from "./control-models.ts";
import { freshHttp } from "./fresh-http.ts";
import { float32, type InferInit, RawClient, sequence } from "./raw-client.ts";
import { type TinyRepository, tinyRepository } from "./tiny-repository.ts";

export type Id = bigint | string;
interface Flags {
  readonly start?: boolean;
  readonly end?: boolean;
}

/** Of each process, an id of a sequence that is its own. */
export function idsOf(count: number): readonly bigint[] {
  return Array.from({ length: count }, (_, home) => {
    let id = 1n;
    while (homeOf(id, count) !== home) id += 1n;
    return id;
  });
}

/** Sends a request on a stream of its own, and waits for its answer. @returns what cuts the connection */
export async function streamed(address: string, message: InferInit): Promise<() => void> {
  const [host, port] = address.split(":");
  const socket = connectTo(Number(port), host);
  const session = connect(`http://${address}`, { createConnection: () => socket });
  const stream = session.request({
    ":method": "POST",
    ":path": "/inference.GRPCInferenceService/ModelStreamInfer",
    "content-type": "application/grpc",
    te: "trailers",
  });
  for (const one of [session, stream]) one.on("error", () => {});
  const bytes = toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, message));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.byteLength, 1);
  stream.write(Buffer.concat([prefix, bytes]));
  await once(stream, "data");
  return () => void socket.destroy();
}

/** A request of a sequence for a model of two numbers. */
export function request(modelName: string, id: Id, x: number, flags: Flags = {}, input = "x"): InferInit {
  return {
    modelName,
    parameters: sequence(id, flags),
    inputs: [{ name: input, datatype: "FP32", shape: [2n] }],
    rawInputContents: [float32([x, 2 * x])],
  };
}

/** A server that is two processes, with clients each on a connection of its own. */
export class TwoProcesses {
  readonly repository: TinyRepository;
  readonly server: ServerOfProcesses;
  readonly clients: readonly RawClient[];

  private constructor(repository: TinyRepository, server: ServerOfProcesses) {
    this.repository = repository;
    this.server = server;
    this.clients = Array.from({ length: 4 }, () => new RawClient(server.grpcAddress));
  }

  static async start(): Promise<TwoProcesses> {
    const repository = await tinyRepository([
      ...controlModels,
      {
        name: "two",
        config: `${onnx}${io} instance_group [ { count: 1 } ]
          sequence_batching { max_sequence_idle_microseconds: 60000000 direct {}
          state [ { input_name: "input_sum" output_name: "output_sum" data_type: TYPE_FP32 dims: [2] } ] }`,
        versions: { "1": counter(0) },
      },
    ]);
    return new TwoProcesses(repository, await serveTwo(repository));
  }

  one(at: number): RawClient {
    const client = this.clients[at % this.clients.length];
    if (client === undefined) throw new Error("there is no client");
    return client;
  }

  overHttp(
    model: string,
    id: Id,
    x: number,
    { start = false, end = false }: Flags = {},
    input = "x",
  ): ReturnType<typeof freshHttp> {
    return freshHttp(`${this.server.httpAddress}/v2/models/${model}/infer`, {
      method: "POST",
      body: JSON.stringify({
        parameters: {
          sequence_id: typeof id === "bigint" ? Number(id) : id,
          sequence_start: start,
          sequence_end: end,
        },
        inputs: [{ name: input, datatype: "FP32", shape: [2], data: [x, 2 * x] }],
      }),
    });
  }

  /** Connections that go to a process while it dies are cut. */
  isReady(): Promise<boolean> {
    return freshHttp(`${this.server.httpAddress}/v2/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  /** Kills one, and waits until there is another in its place. */
  async kill(index: number): Promise<void> {
    const pid = this.server.pids[index];
    if (pid === undefined) throw new Error("there is no such process");
    process.kill(pid, "SIGKILL");
    while (this.server.pids[index] === pid || !(await this.isReady())) await pause(5);
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.server.close();
    await this.repository.remove();
  }
}

export function serveTwo(repository: TinyRepository, more = {}): Promise<ServerOfProcesses> {
  return serveProcesses(
    {
      repository: repository.path,
      workers: 1,
      modelControl: "explicit",
      startupModels: ["net", "count", "ens", "two"],
      handOver: true,
      ...more,
    },
    2,
  );
}
