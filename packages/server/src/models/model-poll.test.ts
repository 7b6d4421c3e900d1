import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { GRPCInferenceService } from "@strainflow/proto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createServer, type InferenceServer } from "../server.ts";
import { controlModels as models, scale } from "../testing/control-models.ts";
import { RawClient } from "../testing/raw-client.ts";
import { type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";

const { method } = GRPCInferenceService;

describe("a repository that is looked at again and again", () => {
  let repository: TinyRepository;
  let server: InferenceServer;
  let client: RawClient;

  beforeAll(async () => {
    repository = await tinyRepository(models.slice(0, 3));
    server = await createServer({
      repository: repository.path,
      workers: 1,
      modelControl: "poll",
      pollMs: 20,
      httpPort: false,
      metricsPort: false,
    });
    client = new RawClient(server.grpcAddress);
  });
  afterAll(async () => {
    client.close();
    await server.close();
    await repository.remove();
  });

  const states = async (): Promise<string[]> => {
    const { models: all } = await client.unary(method.repositoryIndex, {});
    return all.map(({ name, version, state, reason }) => [name, version, state, reason].join(":"));
  };
  const until = async (line: string, there = true): Promise<void> => {
    for (let wait = 0; wait < 300 && (await states()).includes(line) !== there; wait++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await states()).includes(line)).toBe(there);
  };

  it("takes no one's word for what is loaded", async () => {
    const refused = {
      code: status.UNAVAILABLE,
      details: "explicit model load / unload is not allowed if polling is enabled",
    };
    await expect(client.unary(method.repositoryModelLoad, { modelName: "net" })).rejects.toMatchObject(
      refused,
    );
    await expect(client.unary(method.repositoryModelUnload, { modelName: "net" })).rejects.toMatchObject(
      refused,
    );
  });

  it("follows what is added, changed and taken away, and keeps what it cannot replace", async () => {
    const folder = (name: string) => join(repository.path, name);
    await mkdir(join(folder("added"), "1"), { recursive: true });
    await writeFile(join(folder("added"), "1", "model.onnx"), scale(9));
    await until("added:1:READY:");
    await rm(folder("added"), { recursive: true });
    await until("added:1:READY:", false);
    const asked = () => client.unary(method.modelReady, { name: "added" });
    for (let wait = 0; wait < 300 && (await asked()).ready; wait++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await expect(client.unary(method.modelMetadata, { name: "added" })).rejects.toMatchObject({
      details: "Request for unknown model: 'added' has no available versions",
    });
    await mkdir(join(folder("latest"), "3"));
    await writeFile(join(folder("latest"), "3", "model.onnx"), scale(8));
    await until("latest:3:READY:");
    await until("latest:2:UNAVAILABLE:unloaded");
    await writeFile(join(folder("net"), "config.pbtxt"), "no such configuration {");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await states()).toContain("net:1:READY:");
  });
});
