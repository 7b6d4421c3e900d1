import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createServer } from "../server.ts";
import { scaler, type TinyRepository, tinyRepository } from "../testing/tiny-repository.ts";
import { loadSpec } from "./load-spec.ts";
import { readModelFolder } from "./model-folder.ts";

const io = `input [ { name: "x" data_type: TYPE_FP32 dims: [3] } ] output [ { name: "y" data_type: TYPE_FP32 dims: [3] } ]`;
const parameter = (key: string, value: string): string =>
  `parameters { key: "${key}" value { string_value: "${value}" } }`;
const accelerator = (kind: string, name: string): string =>
  `optimization { execution_accelerators { ${kind} [ { name: "${name}" parameters { key: "a" value: "b" } } ] } }`;

let repository: TinyRepository | undefined;
afterEach(() => repository?.remove());

async function specOf(config: string): ReturnType<typeof loadSpec> {
  repository = await tinyRepository([scaler("net", 2, `${io}\n${config}`, [3])]);
  return loadSpec(await readModelFolder("net", join(repository.path, "net")), "1", 2);
}

describe("of a configuration, ONNX Runtime is told", () => {
  it.each<[string, string, Readonly<Record<string, unknown>>]>([
    ["what the server shares out", "", { intraOpThreads: 2, interOpThreads: 1, optimizationLevel: "all" }],
    ["its threads within an operator", parameter("intra_op_thread_count", "5"), { intraOpThreads: 5 }],
    [
      "to choose, which leaves it to the server",
      parameter("intra_op_thread_count", "0"),
      { intraOpThreads: 2 },
    ],
    [
      "its threads beside each other, in parallel",
      `${parameter("inter_op_thread_count", "3")}\n${parameter("execution_mode", "1")}`,
      { interOpThreads: 3 },
    ],
    ["and not where it runs in order", parameter("inter_op_thread_count", "3"), { interOpThreads: 1 }],
    ["to do less to its graph", "optimization { graph { level: -1 } }", { optimizationLevel: "basic" }],
    ["to do all to its graph", "optimization { graph { level: 1 } }", { optimizationLevel: "all" }],
    [
      "its providers",
      accelerator("cpu_execution_accelerator", "webgpu"),
      { providers: [{ name: "webgpu", parameters: { a: "b" } }] },
    ],
  ])("%s", async (_, config, expected) => {
    expect(await specOf(config)).toMatchObject(expected);
  });

  it("nothing of what is for a GPU: no instance is on one", async () => {
    expect(await specOf(accelerator("gpu_execution_accelerator", "tensorrt"))).not.toHaveProperty(
      "providers",
    );
  });
});

const threads = (): number => readdirSync("/proc/self/task").length;

describe.skipIf(!existsSync("/proc/self/task"))("a model's run (needs /proc)", () => {
  it("has the threads and the provider that its configuration names", async () => {
    const started: number[] = [];
    for (const count of [1, 6]) {
      const config = `${parameter("intra_op_thread_count", String(count))}\n${accelerator("cpu_execution_accelerator", "cpu")}`;
      repository = await tinyRepository([scaler("net", 2, `${io}\n${config}`, [3])]);
      const before = threads();
      const server = await createServer({ repository: repository.path, workers: 1 });
      started.push(threads() - before);
      const body = { inputs: [{ name: "x", datatype: "FP32", shape: [3], data: [1, 2, 3] }] };
      const answer = await fetch(`${server.httpAddress}/v2/models/net/infer`, {
        method: "POST",
        body: JSON.stringify(body),
      });
      expect(await answer.json()).toMatchObject({ outputs: [{ name: "y", data: [2, 4, 6] }] });
      await server.close();
      await repository.remove();
    }
    // The one that runs is among them.
    expect(started[1]! - started[0]!).toBe(5);
  });
});
