import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectOptions, connect, parseClasses, type TritonClient } from "@strainflow/triton";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ELEMENTS, plain } from "./support/every-datatype.ts";
import { ECHOED, writeProtocolModels } from "./support/protocol-models.ts";
import { describeTriton, type RealTriton, startRealTriton } from "./support/real-triton.ts";

describeTriton("the client and a real Triton", () => {
  let folder = "";
  let real: RealTriton;
  const clients: TritonClient[] = [];
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "strainflow-client-"));
    await writeProtocolModels(folder);
    real = await startRealTriton(folder, { serverArgs: ["--model-control-mode=explicit", "--load-model=*"] });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });
  afterAll(async () => {
    await real?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function connected(protocol: "grpc" | "http", options: ConnectOptions = {}): Promise<TritonClient> {
    const client = await connect(protocol === "grpc" ? real.address : real.httpAddress, options);
    clients.push(client);
    return client;
  }

  describe.each<["grpc" | "http", ConnectOptions]>([
    ["grpc", {}],
    ["grpc", { transport: "grpc-js" }],
    ["grpc", { compression: "gzip" }],
    ["grpc", { compression: "deflate" }],
    ["grpc", { transport: "grpc-js", compression: "gzip" }],
    ["http", {}],
    ["http", { compression: "gzip" }],
    ["http", { compression: "deflate" }],
  ])("over %s with %j", (protocol, options) => {
    it("carries every datatype there and back", async () => {
      const client = await connected(protocol, options);
      const model = await client.servedModel("echo");
      expect(model.inputs).toHaveLength(ECHOED.length);
      const inputs = Object.fromEntries(ECHOED.map((datatype) => [`in_${datatype}`, ELEMENTS[datatype]]));
      const { outputs, id, modelName, modelVersion } = await model.infer({ id: "every", inputs });
      expect([id, modelName, modelVersion]).toEqual(["every", "echo", "1"]);
      for (const datatype of ECHOED) {
        const output = outputs[`out_${datatype}`]!;
        expect(output).toMatchObject({ datatype, shape: [3] });
        expect(plain(output)).toEqual(plain({ datatype, shape: [3], data: ELEMENTS[datatype] }));
      }
    });

    it("takes a shape from the data, and text for byte strings", async () => {
      const model = await (await connected(protocol, options)).servedModel("echo");
      for (const size of [0, 1, 70_000]) {
        const samples = new Float32Array(size).fill(size);
        const { outputs } = await model.infer({ inputs: { in_FP32: samples, in_FP16: samples } });
        expect(outputs.out_FP32).toEqual({ datatype: "FP32", shape: [size], data: samples });
        expect(outputs.out_FP16?.shape).toEqual([size]);
      }
      const { outputs } = await model.infer({ inputs: { in_BYTES: ["H1", "", "Überlagerung"] } });
      expect(plain(outputs.out_BYTES!)).toEqual(
        ["H1", "", "Überlagerung"].map((text) => [...Buffer.from(text)]),
      );
    });
  });

  describe.each(["grpc", "http"] as const)("over %s", (protocol) => {
    it("gives classes instead of values", async () => {
      const model = await (await connected(protocol)).servedModel("echo");
      const { outputs } = await model.infer({
        inputs: { in_FP32: Float32Array.of(0.5, 9, 4) },
        outputs: [{ name: "out_FP32", classes: 2 }],
      });
      expect(parseClasses(outputs.out_FP32!)).toEqual([
        { value: 9, index: 1, label: "" },
        { value: 4, index: 2, label: "" },
      ]);
    });

    it("tells the queue timeout in µs, a priority, and parameters of one's own", async () => {
      const model = await (await connected(protocol)).servedModel("slow");
      const { outputs } = await model.infer({
        inputs: { ms: { datatype: "INT32", shape: [1, 1], data: Int32Array.of(0) } },
        queueTimeoutMs: 1500.5,
        priority: 1,
        parameters: { run: "O4", count: 3, live: true },
      });
      expect(plain(outputs.timeout!)).toEqual([1_500_500n]);
      const [text] = outputs.parameters!.data;
      expect(JSON.parse(Buffer.from(text instanceof Uint8Array ? text : []).toString())).toEqual({
        run: "O4",
        count: 3,
        live: true,
      });
    });

    it("gives up by a deadline and by a signal, with the request's names, and goes on", async () => {
      const client = await connected(protocol);
      const model = await client.servedModel("slow");
      const inputs = { ms: { datatype: "INT32", shape: [1, 1], data: Int32Array.of(400) } } as const;
      await expect(model.infer({ id: "late", inputs }, { timeoutMs: 60 })).rejects.toMatchObject({
        tag: "deadline-exceeded",
        details: { modelName: "slow", requestId: "late", status: "DEADLINE_EXCEEDED" },
      });
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error("no more")), 60);
      await expect(model.infer({ id: "off", inputs }, { signal: abort.signal })).rejects.toMatchObject({
        tag: "aborted",
        cause: expect.objectContaining({ message: "no more" }),
        details: { requestId: "off" },
      });
      expect(await client.isLive()).toBe(true);
    });

    it("names model, request and sequence in what a server refuses", async () => {
      const model = await (await connected(protocol)).servedModel("sum");
      const refused = model.infer({
        id: "r1",
        inputs: { x: Float64Array.of(1) },
        sequence: { id: 990001n, start: false, end: false },
      });
      await expect(refused).rejects.toMatchObject({
        tag: "rpc-failed",
        message: expect.stringMatching(/sequence 990001 to model 'sum' must specify the START flag/),
        details: { modelName: "sum", requestId: "r1", sequenceId: 990001n, status: "INVALID_ARGUMENT" },
      });
      expect(await model.endSequence(990001n)).toBe("unknown");
    });

    it("carries a sequence by single requests, under a number or a name", async () => {
      const model = await (await connected(protocol)).servedModel("sum");
      for (const id of [2n ** 62n + 1n, "run-7"]) {
        const sums: unknown[] = [];
        for (let i = 1; i <= 3; i++) {
          const sequence = { id, start: i === 1, end: i === 3 };
          const { outputs } = await model.infer({ inputs: { x: Float64Array.of(i) }, sequence });
          sums.push(...plain(outputs.sum!));
        }
        expect(sums).toEqual([1, 3, 6]);
      }
    });

    it("loads by a configuration and files of its own, waits for what is loaded, and says what is not", async () => {
      const client = await connected(protocol);
      await client.repository.unload("echo");
      await expect(client.servedModel("echo")).rejects.toMatchObject({
        tag: expect.stringMatching(/model-not-(ready|found)/),
      });
      const waiting = client.servedModel("echo", { waitMs: 20_000 });
      const tensors = [{ name: "x", data_type: "TYPE_FP32", dims: [2] }];
      const python = (await readFile(join(folder, "echo/1/model.py"), "utf8")).replace(
        '"out" + t.name()[2:]',
        '"y"',
      );
      await client.repository.load("echo", {
        config: { backend: "python", input: tensors, output: [{ ...tensors[0], name: "y" }] },
        files: { "7/model.py": Buffer.from(python) },
      });
      const model = await waiting;
      expect([model.version, model.inputs]).toEqual(["7", [{ name: "x", datatype: "FP32", shape: [2] }]]);
      const { outputs } = await model.infer({ inputs: { x: Float32Array.of(1, 2) } });
      expect(plain(outputs.y!)).toEqual([1, 2]);
      await expect(model.infer({ inputs: { x: new Float32Array(3) } })).rejects.toMatchObject({
        tag: "invalid-request",
      });
      await client.repository.load("echo");
      const entries = await client.repository.index({ ready: true });
      expect(entries).toContainEqual({ name: "echo", version: "1", state: "READY", reason: "" });
      await expect(client.repository.load("nope")).rejects.toMatchObject({
        message: expect.stringContaining("failed to load 'nope', failed to poll from model repository"),
      });
      await expect(client.servedModel("nope")).rejects.toMatchObject({ tag: "model-not-found" });
    });

    it("reads and changes what is logged and traced", async () => {
      const client = await connected(protocol);
      await client.settings.changeLog({ log_verbose_level: 1, log_warning: false });
      expect(await client.settings.log()).toMatchObject({
        log_verbose_level: 1,
        log_warning: false,
        log_info: true,
      });
      await client.settings.changeLog({ log_verbose_level: 0, log_warning: true });
      await client.settings.changeTrace({ trace_rate: "77" }, "sum");
      expect(await client.settings.trace("sum")).toMatchObject({ trace_rate: ["77"], trace_level: ["OFF"] });
      await client.settings.changeTrace({ trace_rate: null }, "sum");
      expect((await client.settings.trace("sum")).trace_rate).toEqual(["1000"]);
      expect((await client.settings.trace()).trace_mode).toEqual(["triton"]);
    });

    it("takes inputs from shared memory and has outputs put there", async () => {
      const client = await connected(protocol);
      const key = `/strainflow-${randomUUID()}`;
      const file = join("/dev/shm", key);
      await writeFile(file, new Uint8Array(Float32Array.of(0, 1, 2, 0, 0).buffer));
      try {
        await client.systemMemory.register("region", { key, byteSize: 20 });
        expect(await client.systemMemory.status()).toEqual([
          { name: "region", key, offset: 0, byteSize: 20 },
        ]);
        const { outputs } = await client.infer("echo", {
          id: "shared",
          inputs: {
            in_FP32: {
              datatype: "FP32",
              shape: [2],
              sharedMemory: { region: "region", byteSize: 8, offset: 4 },
            },
            in_INT8: { datatype: "INT8", shape: [1], data: Int8Array.of(5) },
          },
          outputs: [
            "out_INT8",
            { name: "out_FP32", sharedMemory: { region: "region", byteSize: 8, offset: 12 } },
          ],
        });
        expect(Object.keys(outputs)).toEqual(["out_INT8"]);
        const bytes = await readFile(file);
        expect([...new Float32Array(Uint8Array.from(bytes).buffer)]).toEqual([0, 1, 2, 1, 2]);
        // Triton lets go of it after it has answered.
        await vi.waitFor(() => client.systemMemory.unregister("region"), 5000);
        await expect(client.systemMemory.status("region")).rejects.toMatchObject({ tag: "rpc-failed" });
      } finally {
        await vi.waitFor(() => client.systemMemory.unregister(), 5000);
        await rm(file);
      }
      await expect(client.systemMemory.register("gone", { key, byteSize: 4 })).rejects.toMatchObject({
        tag: "rpc-failed",
        message: expect.stringContaining(`Unable to open shared memory region: '${key}'`),
      });
      expect(await client.cudaMemory.status()).toEqual([]);
      const handle = { rawHandle: new Uint8Array(64), deviceId: 0, byteSize: 16 };
      await expect(client.cudaMemory.register("gpu", handle)).rejects.toMatchObject({ tag: "rpc-failed" });
      await client.cudaMemory.unregister();
    });

    it("answers what a server and its models are", async () => {
      const client = await connected(protocol);
      const extensions = expect.arrayContaining(["sequence"]);
      expect(client.server).toMatchObject({ version: "2.51.0", extensions });
      const states = [client.isLive(), client.isReady(), client.isServing(), client.isModelReady("sum")];
      expect(await Promise.all(states)).toEqual([true, true, true, true]);
      expect(await client.isModelReady("nope")).toBe(false);
      expect((await client.modelConfig("countdown")).modelTransactionPolicy?.decoupled).toBe(true);
      const [statistics] = await client.statistics("sum");
      expect(statistics?.inferenceStats?.success?.count).toBeGreaterThan(0n);
    });
  });

  it("gives all responses of a decoupled model, none of one that has none, and its error", async () => {
    const model = await (await connected("grpc")).servedModel("countdown");
    const count = async (n: number): Promise<unknown[]> => {
      const seen: unknown[] = [];
      for await (const { outputs, final } of model.inferMany({ inputs: { n: Int32Array.of(n) } })) {
        expect(final).toBe(false);
        seen.push(...plain(outputs.i!));
      }
      return seen;
    };
    expect([await count(3), await count(0)]).toEqual([[3, 2, 1], []]);
    await expect(count(-1)).rejects.toMatchObject({
      tag: "infer-refused",
      details: { modelName: "countdown", serverMessage: "it is below zero" },
    });
    for await (const { outputs } of model.inferMany({ inputs: { n: Int32Array.of(50) } })) {
      expect(plain(outputs.i!)).toEqual([50]);
      break;
    }
    await expect(model.infer({ inputs: { n: Int32Array.of(1) } })).rejects.toMatchObject({
      tag: "rpc-failed",
      details: { status: "UNIMPLEMENTED" },
    });
  });

  it("gives a promise for each request of a sequence, the stream of all, and its latencies", async () => {
    const model = await (await connected("grpc")).servedModel("sum");
    const session = model.openSession();
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const { outputs } of session) seen.push(...plain(outputs.sum!));
    })();
    const results = await Promise.all([1, 2, 3].map((x) => session.infer({ x: Float64Array.of(x) })));
    expect(results.map(({ outputs }) => plain(outputs.sum!)[0])).toEqual([1, 3, 6]);
    expect(session.latency()?.count).toBe(3);
    expect(model.latency(session.sequenceId)?.count).toBe(3);
    await session.close();
    await reading;
    // The END's zeros are answered too.
    expect(seen).toEqual([1, 3, 6, 6]);
    expect(await model.endSequence(session.sequenceId!)).toBe("unknown");
  });

  it("over http has no streams, and says so", async () => {
    const model = await (await connected("http")).servedModel("sum");
    expect(() => model.openSession()).toThrow(expect.objectContaining({ tag: "no-streams" }));
  });
});
