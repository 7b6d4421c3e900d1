import { expect, it } from "vitest";
import { connect } from "../connect.ts";
import { startBlackHole } from "../testing/black-hole.ts";
import { type FakeModel, startFakeServer } from "../testing/fake-server.ts";
import { cleanups } from "../testing/stream-under-test.ts";
import { TRANSPORTS } from "./transport.ts";

const TASKS = 20;
const REQUESTS = 10;
/** Tensors that no frame holds, among some that are small. */
const sizeOf = (task: number): number => (task % 4 === 0 ? 100_000 : 16);

const MODEL: FakeModel = {
  metadata: { name: "m", versions: ["1"], inputs: [{ name: "x", datatype: "FP32", shape: [-1n] }] },
  config: { name: "m" },
};

it.each(TRANSPORTS)(
  "one connection serves many tasks at once over %s, each with what is its own",
  async (transport) => {
    const server = await startFakeServer({ models: { m: MODEL } });
    cleanups.push(server.kill);
    const relay = await startBlackHole(server.port);
    const client = await connect(`127.0.0.1:${relay.port}`, { transport });
    cleanups.push(() => client.close());
    const model = await client.servedModel("m");

    const markOf = (task: number, i: number): number => 1000 * task + i;
    async function stream(task: number): Promise<unknown[]> {
      await using session = model.openSession({ sequence: true });
      const answers = await Promise.all(
        Array.from({ length: REQUESTS }, (_, i) =>
          session.infer({ x: new Float32Array(sizeOf(task)).fill(markOf(task, i)) }),
        ),
      );
      return answers.map(({ outputs }) => [outputs["x"]?.data.length, outputs["x"]?.data.at(-1)]);
    }
    async function calls(task: number): Promise<unknown[]> {
      const seen: unknown[] = [];
      for (let i = 0; i < REQUESTS; i++) {
        const { outputs } = await model.infer({
          inputs: { x: new Float32Array(sizeOf(task)).fill(markOf(task, i)) },
        });
        seen.push([outputs["x"]?.data.length, outputs["x"]?.data.at(-1)]);
      }
      return seen;
    }
    const tasks = Array.from({ length: TASKS }, (_, task) => task);
    const answers = await Promise.all(tasks.map((task) => (task % 2 === 0 ? stream(task) : calls(task))));
    expect(answers).toEqual(
      tasks.map((task) => Array.from({ length: REQUESTS }, (_, i) => [sizeOf(task), markOf(task, i)])),
    );
    expect(relay.connections()).toBe(1);
  },
);
