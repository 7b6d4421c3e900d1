import { fromText } from "@bufbuild/protobuf/txtpb";
import { ModelConfigSchema } from "@strainflow/proto";
import type { InferListener } from "@strainflow/series";
import { afterEach, describe, expect, it } from "vitest";
import { type ConnectOptions, connect } from "../connect.ts";
import {
  type FakeModel,
  type FakeOptions,
  type FakeServer,
  startFakeServer,
} from "../testing/fake-server.ts";
import { recorder } from "../testing/stream-under-test.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

const MODEL: FakeModel = {
  metadata: {
    name: "m",
    versions: ["1"],
    inputs: [{ name: "x", datatype: "FP32", shape: [1n] }],
    outputs: [],
  },
  config: fromText(ModelConfigSchema, 'name: "m" sequence_batching { direct {} }'),
};

async function started(options: FakeOptions = {}): Promise<FakeServer> {
  const server = await startFakeServer({ models: { m: MODEL }, ...options });
  cleanups.push(server.kill);
  return server;
}

async function several(count: number, options: ConnectOptions = {}, serverOptions: FakeOptions = {}) {
  const servers = await Promise.all(Array.from({ length: count }, () => started(serverOptions)));
  const client = await connect(
    servers.map(({ address }) => address),
    { healthIntervalMs: 20, responseTimeoutMs: 2000, ...options },
  );
  cleanups.push(() => client.close());
  return { servers, client, model: await client.servedModel("m") };
}

const X = { x: { datatype: "FP32", shape: [1], data: Float32Array.of(1) } } as const;
const counts = (servers: readonly FakeServer[]): number[] => servers.map(({ requests }) => requests.length);

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("several servers", () => {
  it("get single requests in turn", async () => {
    const { servers, client } = await several(3);
    for (let i = 0; i < 9; i++) await client.infer("m", { id: `${i}`, inputs: X });
    expect(counts(servers)).toEqual([3, 3, 3]);
    expect(client.servers.map(({ address }) => address)).toEqual(servers.map(({ address }) => address));
  });

  it("are each asked alone where that is wanted", async () => {
    const { servers, client } = await several(2);
    const [, second] = client.servers;
    for (let i = 0; i < 4; i++) await second?.client().infer("m", { id: `${i}`, inputs: X });
    second?.client().close();
    expect(counts(servers)).toEqual([0, 4]);
    expect(await client.isLive()).toBe(true);
  });

  it("do without one that has died, until it is back", async () => {
    const { servers, client } = await several(2);
    servers[0]!.kill();
    for (let i = 0; i < 6; i++) await client.infer("m", { id: `${i}`, inputs: X });
    expect(servers[1]!.requests).toHaveLength(6);
    await until(() => client.servers[0]?.healthy === false);
    const back = await started({ port: servers[0]!.port });
    await until(() => client.servers[0]?.healthy === true);
    for (let i = 0; i < 4; i++) await client.infer("m", { id: `${i}`, inputs: X });
    expect(back.requests).toHaveLength(2);
  });

  it("are connected to as soon as one of them is ready", async () => {
    const gone = await started();
    gone.kill();
    const here = await started();
    const client = await connect([gone.address, here.address], { waitMs: 5000 });
    cleanups.push(() => client.close());
    expect(client.server.name).toBe("fake");
  });

  it("say that none is there, with each one's reason", async () => {
    const gone = await Promise.all([started(), started()]);
    for (const server of gone) server.kill();
    await expect(
      connect(
        gone.map(({ address }) => address),
        { waitMs: 100 },
      ),
    ).rejects.toMatchObject({
      tag: "server-unavailable",
      message: expect.stringMatching(/ECONNREFUSED.*; .*ECONNREFUSED/),
    });
    await expect(connect([])).rejects.toMatchObject({ tag: "invalid-option" });
  });

  it("each hold the sequences that began there, also those of single requests", async () => {
    const { servers, client } = await several(3);
    const place = (i: number) => ({ start: i === 0, end: i === 3 });
    for (let i = 0; i < 4; i++)
      for (let id = 1n; id <= 6n; id++)
        await client.infer("m", { id: `${id}-${i}`, inputs: X, sequence: { id, ...place(i) } });
    for (const { requests } of servers) {
      const ids = new Set(requests.map(({ parameters: p }) => p.sequence_id?.parameterChoice.value));
      expect([requests.length, ids.size]).toEqual([8, 2]);
    }
  });

  it("tell a sequence whose server is gone that it is lost, and take it again from its start", async () => {
    const { servers, client } = await several(2);
    const send = (id: string, start: boolean) =>
      client.infer("m", { id, inputs: X, sequence: { id: 7n, start, end: false } });
    await send("a", true);
    const holder = servers.findIndex(({ requests }) => requests.length > 0);
    servers[holder]?.kill();
    await expect(send("b", false)).rejects.toMatchObject({
      tag: "sequence-lost",
      details: { modelName: "m", requestId: "b", sequenceId: 7n, address: servers[holder]?.address },
    });
    await send("c", true);
    await send("d", false);
    expect(servers[1 - holder]?.requests.map(({ id }) => id)).toEqual(["c", "d"]);
  });

  describe("and streams:", () => {
    it("they are dealt to those with the fewest", async () => {
      const { servers, model } = await several(3);
      const sessions = Array.from({ length: 6 }, (_, i) => model.openSession({ sequence: `s${i}` }));
      for (const session of sessions) for (let i = 0; i < 2; i++) await session.infer(X);
      expect(counts(servers)).toEqual([4, 4, 4]);
      await Promise.all(sessions.map((session) => session.close()));
    });

    it("one that is lost is opened again on another server, and its old sequence ended where it was once that is back", async () => {
      const { servers, model } = await several(2);
      const open = (listener: InferListener) => model.open(listener);
      const first = recorder();
      const call = open(first.listener);
      call.send({ id: "0", inputs: X, sequence: { id: 1n, start: true, end: false } });
      await first.until(() => first.responses.length === 1);
      const holder = servers.findIndex(({ requests }) => requests.length > 0);
      servers[holder]?.kill();
      await first.until(() => first.events.includes("lost"));

      const second = recorder();
      const next = open(second.listener);
      next.send({ id: "1", inputs: X, sequence: { id: 1n, start: false, end: true } });
      next.send({ id: "2", inputs: X, sequence: { id: 2n, start: true, end: false } });
      await second.until(() => second.responses.length === 2);
      expect(servers[1 - holder]?.requests.map(({ id }) => id)).toEqual(["1", "2"]);

      const back = await started({ port: servers[holder]!.port });
      await until(() => back.requests.length > 0);
      expect(
        back.requests.map(({ id, parameters: p }) => [id, p.sequence_end?.parameterChoice.value]),
      ).toEqual([["end-1", true]]);
      next.cancel();
    });

    it("one whose connection alone is lost frees its slot on the server that still has it", async () => {
      let drop = true;
      const { servers, model } = await several(
        2,
        {},
        {
          stream(r, reply, call) {
            if (r.id === "1" && drop) {
              drop = false;
              call.emit("error", { code: 14, details: "gone" });
            } else reply({ inferResponse: { id: r.id } });
          },
        },
      );
      const first = recorder();
      const call = model.open(first.listener);
      call.send({ id: "0", inputs: X, sequence: { id: 1n, start: true, end: false } });
      call.send({ id: "1", inputs: X, sequence: { id: 1n, start: false, end: false } });
      await first.until(() => first.events.includes("lost"));
      const holder = servers.findIndex(({ requests }) => requests.length > 0);
      const second = recorder();
      model.open(second.listener).send({ id: "e", inputs: X, sequence: { id: 1n, start: false, end: true } });
      await until(() => servers[holder]!.requests.some(({ id }) => id === "end-1" || id === "e"));
    });

    it("one that is lost with an END in it is still known where it was, and ended there by the next END", async () => {
      const { servers, model } = await several(
        2,
        {},
        {
          stream(r, reply, call) {
            if (r.id === "1") call.emit("error", { code: 14, details: "gone" });
            else reply({ inferResponse: { id: r.id } });
          },
        },
      );
      const first = recorder();
      const call = model.open(first.listener);
      call.send({ id: "0", inputs: X, sequence: { id: 1n, start: true, end: false } });
      call.send({ id: "1", inputs: X, sequence: { id: 1n, start: false, end: true } });
      await first.until(() => first.events.includes("lost"));
      const holder = servers.findIndex(({ requests }) => requests.length > 0);
      const second = recorder();
      const next = model.open(second.listener);
      next.send({ id: "e", inputs: X, sequence: { id: 1n, start: false, end: true } });
      await until(() => servers[holder]!.requests.some(({ id }) => id === "end-1" || id === "e"));
      next.cancel();
    });
  });
});
