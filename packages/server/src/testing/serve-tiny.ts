import type { ModelInferResponse } from "@strainflow/proto";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import type { ServerOptions } from "../server-options.ts";
import { float32, RawClient } from "./raw-client.ts";
import { type TinyModel, type TinyRepository, tinyRepository } from "./tiny-repository.ts";

/** A server of tiny models, and a client of it. */
export interface TinyServer {
  readonly repository: TinyRepository;
  readonly server: InferenceServer;
  readonly client: RawClient;
  /** Status and JSON of an answer; a body is posted, a string as it is. */
  http(path: string, body?: unknown): Promise<[status: number, json: unknown]>;
  /** Asks a model of one FP32 input of two elements. */
  infer(modelName: string, request?: TinyRequest): Promise<ModelInferResponse>;
}

export interface TinyRequest {
  readonly id?: string;
  readonly modelVersion?: string;
  /** Default `x`. */
  readonly input?: string;
  /** Default 1 and 2. */
  readonly values?: readonly number[];
}

/**
 * Serves tiny models while tests run.
 *
 * @param options of the server; a function where they are known only when it starts
 * @param anew for each test, or once for all of its suite
 */
export function serveTiny(
  models: readonly TinyModel[],
  options: Partial<ServerOptions> | (() => Partial<ServerOptions>),
  anew: "test" | "suite" = "suite",
): TinyServer {
  let repository: TinyRepository | undefined;
  let server: InferenceServer | undefined;
  let client: RawClient | undefined;
  const [before, after] = anew === "test" ? [beforeEach, afterEach] : [beforeAll, afterAll];
  before(async () => {
    repository = await tinyRepository(models);
    server = await createServer({
      repository: repository.path,
      ...(typeof options === "function" ? options() : options),
    });
    client = new RawClient(server.grpcAddress);
  });
  after(async () => {
    client?.close();
    await server?.close();
    await repository?.remove();
  });
  const started = <T>(what: T | undefined): T => {
    if (what === undefined) throw new Error("there is a server while tests run, and not before");
    return what;
  };
  return {
    get repository() {
      return started(repository);
    },
    get server() {
      return started(server);
    },
    get client() {
      return started(client);
    },
    async http(path, body) {
      const init =
        body === undefined
          ? {}
          : { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) };
      const response = await fetch(`${started(server).httpAddress}${path}`, init);
      return [response.status, await response.json()];
    },
    infer: (modelName, { id = "", modelVersion = "", input = "x", values = [1, 2] } = {}) =>
      started(client).infer({
        modelName,
        modelVersion,
        id,
        inputs: [{ name: input, datatype: "FP32", shape: [2n] }],
        rawInputContents: [float32(values)],
      }),
  };
}
