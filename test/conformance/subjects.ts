import { launch } from "@strainflow/launch";
import { createServer } from "@strainflow/server";
import { startRealTriton } from "../support/real-triton.ts";
import type { TwinModel } from "./models/twin-model.ts";
import { TWINS, writeTwins } from "./models/write-twins.ts";
import type { ServerName, Subject } from "./subject.ts";

export interface Running extends Subject {
  stop(): Promise<void>;
}

export interface SubjectOptions {
  /** Names of models. Default: all. */
  readonly only?: readonly string[];
  /** Whether clients may load and unload. Default true. */
  readonly controlled?: boolean;
  /** Whether ours hands over states of sequences. Default false. */
  readonly handOver?: boolean;
  /** Processes of ours. Default: it runs in this one. */
  readonly processes?: number;
  /** Others than the twins of all. */
  readonly models?: readonly TwinModel[];
  /** Bytes of answers that may be kept. Default: none are. */
  readonly cacheSize?: number;
}

/** Starts one of the two servers. */
export async function startSubject(name: ServerName, options: SubjectOptions = {}): Promise<Running> {
  const { only, controlled = true, handOver = false, processes, cacheSize } = options;
  const models = (options.models ?? TWINS).filter((twin) => only?.includes(twin.name) ?? true);
  const repository = await writeTwins(name === "triton" ? "python" : "onnx", models);
  if (name === "triton") {
    const triton = await startRealTriton(repository.path, {
      serverArgs: [
        ...(controlled ? ["--model-control-mode=explicit", "--load-model=*"] : []),
        ...(cacheSize === undefined ? [] : [`--cache-config=local,size=${cacheSize}`]),
      ],
    });
    return {
      name,
      grpc: triton.address,
      http: triton.httpAddress,
      stop: async () => {
        await triton.close();
        await repository.remove();
      },
    };
  }
  const given = {
    repository: repository.path,
    handOver,
    ...(cacheSize === undefined ? {} : { responseCacheSize: cacheSize }),
    ...(controlled ? { modelControl: "explicit" as const, startupModels: ["*"] } : {}),
  };
  if (processes !== undefined) {
    const launched = await launch({ runtime: "embedded", ...given, processes, workers: 1 });
    return {
      name,
      grpc: launched.address,
      http: launched.httpAddress ?? "",
      stop: async () => {
        await launched.close();
        await repository.remove();
      },
    };
  }
  const server = await createServer(given);
  return {
    name,
    grpc: server.grpcAddress,
    http: server.httpAddress ?? "",
    stop: async () => {
      await server.close();
      await repository.remove();
    },
  };
}
