import { createServer } from "@strainflow/server";
import { startRealTriton } from "../support/real-triton.ts";
import { writeTwins } from "./models/write-twins.ts";
import type { ServerName, Subject } from "./subject.ts";

export interface Running extends Subject {
  stop(): Promise<void>;
}

/** Starts one of the two servers with all models. */
export async function startSubject(name: ServerName): Promise<Running> {
  const there = process.env["CONF_TRITON"];
  if (name === "triton" && there !== undefined) {
    const [grpc = "", http = ""] = there.split(" ");
    return { name, grpc, http, stop: async () => {} };
  }
  const repository = await writeTwins(name === "triton" ? "python" : "onnx");
  if (name === "triton") {
    const triton = await startRealTriton(repository.path, {
      serverArgs: ["--model-control-mode=explicit", "--load-model=*"],
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
  const server = await createServer({
    repository: repository.path,
    modelControl: "explicit",
    startupModels: ["*"],
  });
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
