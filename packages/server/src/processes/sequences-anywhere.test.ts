import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freshHttp } from "../testing/fresh-http.ts";
import { floats, type RawStream } from "../testing/raw-client.ts";
import { type Id, idsOf, request, streamed, TwoProcesses } from "../testing/two-processes.ts";
import { homeOf } from "./home-of.ts";

describe("sequences of a server that is two processes", () => {
  let running: TwoProcesses;
  beforeAll(async () => {
    running = await TwoProcesses.start();
  });
  afterAll(() => running.close());

  it("goes on with sequences whatever connection and protocol their requests come on", async () => {
    const ids: readonly Id[] = [...idsOf(2), 77n, 1_000_000_007n, "a", "b c", "77"];
    for (const model of ["count", "ens"]) {
      const scale = model === "count" ? 1 : 2;
      const input = model === "count" ? "x" : "a";
      const sums = new Map<Id, number>(ids.map((id) => [id, 0]));
      for (let step = 0; step < 6; step++)
        await Promise.all(
          ids.map(async (id, at) => {
            const x = 1 + at + 10 * step;
            const flags = { start: step === 0, end: step === 5 };
            const sum = (sums.get(id) ?? 0) + scale * x;
            sums.set(id, sum);
            const way = (step + at) % 3;
            let values: readonly number[];
            if (way === 0)
              values = floats(await running.one(step + at).infer(request(model, id, x, flags, input)));
            else if (way === 1) {
              const { status, body } = await running.overHttp(model, id, x, flags, input);
              expect(status, body.toString()).toBe(200);
              const { outputs } = JSON.parse(body.toString()) as { outputs: { data: number[] }[] };
              values = outputs[0]?.data ?? [];
            } else {
              const stream = running.one(step + at).stream();
              stream.send(request(model, id, x, flags, input));
              const { errorMessage, inferResponse } = await stream.next();
              expect(errorMessage).toBe("");
              values = floats(inferResponse);
              stream.call.end();
              await stream.ended;
            }
            expect(values, `${model} ${id} ${step}`).toEqual([1000 + sum, 1000 + 2 * sum]);
          }),
        );
    }
  });

  it("answers a stream of many sequences in the order of its requests", async () => {
    const stream = running.one(0).stream();
    const ids = Array.from({ length: 12 }, (_, at) => BigInt(500 + at));
    for (let step = 0; step < 10; step++)
      for (const id of ids)
        stream.send({
          ...request("count", id, 1, { start: step === 0, end: step === 9 }),
          id: `${id} ${step}`,
        });
    for (let step = 0; step < 10; step++)
      for (const id of ids) {
        const { errorMessage, inferResponse } = await stream.next();
        expect([errorMessage, inferResponse?.id]).toEqual(["", `${id} ${step}`]);
        expect(floats(inferResponse)).toEqual([1001 + step, 1002 + 2 * step]);
      }
    stream.call.end();
    await stream.ended;
  });

  it("refuses as one process would, of what runs here and there alike", async () => {
    for (const id of idsOf(2)) {
      const words = `inference request for sequence ${id} to model 'count' must specify the START flag on the first request of the sequence`;
      for (const client of running.clients)
        await expect(client.infer(request("count", id, 1))).rejects.toMatchObject({
          code: 3,
          details: words,
        });
      for (const _ of [1, 2]) {
        const { status, body } = await running.overHttp("count", id, 1);
        expect([status, JSON.parse(body.toString())]).toEqual([400, { error: words }]);
      }
      await expect(running.one(0).infer(request("nowhere", id, 1))).rejects.toMatchObject({ code: 5 });
      const stream: RawStream = running.one(1).stream();
      stream.send({ ...request("count", id, 1), id: "mine" });
      expect(await stream.next()).toMatchObject({ errorMessage: words, inferResponse: { id: "mine" } });
      stream.call.end();
      await stream.ended;
    }
  });

  it("frees the slot of a sequence at once when its stream is lost, in whichever process", async () => {
    for (const [at, id] of idsOf(2).entries())
      for (let again = 0; again < 4; again++) {
        const lose = await streamed(running.server.grpcAddress, request("two", id, 1, { start: true }));
        // One slot in each process: another sequence of the same process waits.
        let other = id + 1n;
        while (homeOf(other, 2) !== at) other += 1n;
        const waits = running.one(at).infer(request("two", other, 5, { start: true, end: true }));
        lose();
        expect(floats(await waits)).toEqual([5, 10]);
      }
  });

  it("hands over states by whatever connection asks for them", async () => {
    for (const id of idsOf(2)) {
      await running.one(0).infer(request("count", id, 3, { start: true }));
      const url = (name: Id) =>
        `${running.server.httpAddress}/v2/strainflow/models/count/sequences/${name}/state`;
      for (const target of [id + 1000n, id + 1001n]) {
        const states = await freshHttp(url(id));
        expect(states.status, states.body.toString()).toBe(200);
        const size = String(states.headers["inference-header-content-length"]);
        const put = await freshHttp(url(target), {
          method: "PUT",
          body: states.body,
          headers: { "inference-header-content-length": size },
        });
        expect(put.status, put.body.toString()).toBe(200);
        expect(floats(await running.one(1).infer(request("count", target, 1, { end: true })))).toEqual([
          1004, 1008,
        ]);
      }
      expect((await freshHttp(url(id), { method: "DELETE" })).status).toBe(200);
      await expect(running.one(2).infer(request("count", id, 1))).rejects.toMatchObject({ code: 3 });
    }
  });
});
