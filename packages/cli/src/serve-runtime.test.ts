import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, describe, expect, it } from "vitest";
import { describeTriton, tritonHome } from "../../../test/support/real-triton.ts";
import { exitCodes } from "./exit-code.ts";
import { addHandlerFlags } from "./serve-handler.ts";
import { addRuntimeFlags, checkRuntimeFlags, launchOptionsOf, type RuntimeFlags } from "./serve-runtime.ts";
import { runCommand, startCommand } from "./testing/run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-serve-"));
afterAll(() => rmSync(folder, { recursive: true }));

const processesWith = (word: string): string[] =>
  execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(word));

function options(...args: string[]): object {
  const flags = addHandlerFlags(addRuntimeFlags(new Command()))
    .exitOverride()
    .parse(args, { from: "user" })
    .opts<RuntimeFlags>();
  checkRuntimeFlags(flags);
  return launchOptionsOf(flags, { repository: "models" });
}

describe("the flags of a runtime", () => {
  it("are what launch takes", () => {
    expect(options()).toEqual({ runtime: "embedded", repository: "models" });
    expect(options("--workers", "3")).toEqual({ runtime: "embedded", repository: "models", workers: 3 });
    const limits =
      "--processes 2 --max-sequences 9 --max-connections 8 --max-message 1.5 --max-in-flight 7 --response-cache 2";
    const rates = "--rate-limit --rate-resource GPU=2 --rate-resource disk=0 --shared-memory-prefix /mine";
    const traces =
      "--trace-file t.json --trace-otlp http://c:4318 --trace-level timestamps --trace-level TENSORS";
    const more = "--trace-rate 1 --trace-count -1 --trace-frequency 10";
    expect(options(...`${limits} ${rates} ${traces} ${more}`.split(" "))).toEqual({
      runtime: "embedded",
      repository: "models",
      processes: 2,
      maxSequences: 9,
      maxConnections: 8,
      maxMessageSize: 1.5 * 2 ** 20,
      maxInFlight: 7,
      responseCacheSize: 2 * 2 ** 20,
      rateLimit: "execution_count",
      rateLimitResources: { GPU: 2, disk: 0 },
      sharedMemoryPrefix: "/mine",
      trace: {
        file: join(process.cwd(), "t.json"),
        otlp: "http://c:4318",
        levels: ["TIMESTAMPS", "TENSORS"],
        rate: 1,
        count: -1,
        logFrequency: 10,
      },
    });
    expect(options("--runtime", "triton", "--python", ".venv", "--gpus", "0,2", "--no-metrics")).toEqual({
      runtime: "triton",
      repository: "models",
      python: ".venv",
      gpus: [0, 2],
      metricsPort: false,
    });
    const args = [
      "--server-arg",
      "--log-verbose=1",
      "--server-arg",
      "--strict-readiness=false",
      "--env",
      "A=b=c",
    ];
    expect(
      options(
        "--runtime",
        "apptainer",
        "--image",
        "t.sif",
        "--image-folder",
        "/images",
        "--gpus",
        "none",
        ...args,
      ),
    ).toEqual({
      runtime: "apptainer",
      repository: "models",
      image: "t.sif",
      imageFolder: "/images",
      gpus: [],
      metricsPort: 8002,
      serverArgs: ["--log-verbose=1", "--strict-readiness=false"],
      env: { A: "b=c" },
    });
    expect(
      options(
        "--runtime",
        "docker",
        "--image",
        "i:1",
        "--engine",
        "podman",
        "--engine-arg=-v=/a:/a",
        "--network",
        "host",
      ),
    ).toEqual({
      runtime: "docker",
      repository: "models",
      image: "i:1",
      engine: "podman",
      engineArgs: ["-v=/a:/a"],
      network: "host",
      metricsPort: 8002,
    });
  });

  it.each([
    [["--gpus", "1"], "--gpus is for --runtime triton or apptainer or docker; this is embedded"],
    [["--runtime", "triton", "--workers", "2"], "--workers is for --runtime embedded"],
    [["--runtime", "triton", "--image", "a"], "--image is for --runtime apptainer or docker"],
    [["--runtime", "triton", "--processes", "2"], "--processes is for --runtime embedded; this is triton"],
    [["--rate-resource", "GPU=1"], "--rate-resource needs --rate-limit"],
    [["--trace-rate", "1"], "--trace-rate needs --trace-file or --trace-otlp"],
    [["--trace-otlp", "http://c:4318", "--trace-frequency", "1"], "--trace-frequency needs --trace-file"],
    [["--runtime", "docker", "--image", "a", "--python", "b"], "--python is for --runtime triton"],
    [["--runtime", "apptainer"], "needs --image: docker://nvcr.io"],
    [["--runtime", "docker"], "needs --image: nvcr.io"],
  ])("%j are refused", (args, message) => {
    expect(() => options(...args)).toThrow(message);
  });
});

describe("flags of the embedded server", () => {
  it("are passed on as its options", () => {
    expect(
      options(
        ...[
          "--model-control",
          "explicit",
          "--load",
          "net",
          "--load",
          "*",
          "--metrics-port",
          "0",
          "--hand-over",
        ],
        ...["--tls-cert", "c.pem", "--tls-key", "k.pem", "--tls-client-ca", "a.pem", "--token-file", "t"],
        ...["--log-format", "json", "--push-to", "http://127.0.0.1:9091", "--push-interval", "2.5"],
      ),
    ).toEqual({
      runtime: "embedded",
      repository: "models",
      modelControl: "explicit",
      startupModels: ["net", "*"],
      metricsPort: 0,
      handOver: true,
      tls: { certificate: "c.pem", key: "k.pem", clientAuthorities: "a.pem" },
      tokenFile: "t",
      logForm: "json",
      pushMetrics: { url: "http://127.0.0.1:9091", intervalMs: 2500 },
    });
    expect(options("--model-control", "poll", "--poll", "0.5", "--no-metrics")).toEqual({
      runtime: "embedded",
      repository: "models",
      modelControl: "poll",
      pollMs: 500,
      metricsPort: false,
    });
  });

  it.each([
    [["--load", "net"], "--load needs --model-control explicit"],
    [["--poll", "1"], "--poll needs --model-control poll"],
    [["--tls-cert", "c.pem"], "TLS needs --tls-cert and --tls-key"],
    [["--push-interval", "1"], "--push-interval needs --push-to"],
    [["--runtime", "triton", "--token-file", "t"], "--token-file is for --runtime embedded"],
  ])("%j are refused", (args, message) => {
    expect(() => options(...args)).toThrow(message);
  });
});

it("an address that others reach is served only when that is said", () => {
  const flags: RuntimeFlags = { runtime: "embedded", metrics: true };
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) checkRuntimeFlags({ ...flags, host });
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org"])
    expect(() => checkRuntimeFlags({ ...flags, host }), host).toThrow("--insecure");
  checkRuntimeFlags({ ...flags, host: "0.0.0.0", insecure: true });
  for (const guard of [{ tokenFile: "t" }, { tlsClientCa: "a", tlsCert: "c", tlsKey: "k" }])
    checkRuntimeFlags({ ...flags, ...guard, host: "0.0.0.0" });
  expect(options("--workers", "1")).not.toHaveProperty("insecure");
});

describeTriton("strainflow serve --runtime triton", () => {
  const serve = ["serve", "--json", "--runtime", "triton", "--python", tritonHome ?? ""];
  const ports = ["--grpc-port", "0", "--http-port", "0", "--metrics-port", "0"];

  it("serves the built-in detector, logs to a file, and ends in order with Ctrl-C", async () => {
    const log = join(folder, "triton.log");
    const detector = ["--backend", "python", "--templates", "2", "--log", log];
    const server = startCommand([...serve, ...ports, ...detector]);
    const ready = await Promise.race([server.record("ready"), server.finished]);
    expect(ready).toMatchObject({
      type: "ready",
      metrics: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/),
      models: ["matched-filter", "matched-filter-stream", "snapshotter"],
    });
    const address = `${"grpc" in ready ? ready["grpc"] : ""}`;
    const looked = await runCommand(["model", "inspect", "--json", "--server", address]);
    expect(looked.records).toContainEqual(
      expect.objectContaining({ name: "matched-filter-stream", templates: 2 }),
    );
    expect(processesWith(`--grpc-port=${address.split(":")[1]}`)).toHaveLength(1);
    server.child.kill("SIGINT");
    const { code, stderr } = await server.finished;
    expect(code, stderr).toBe(0);
    expect(readFileSync(log, "utf8")).toContain("successfully loaded 'snapshotter'");
    expect(processesWith(`--grpc-port=${address.split(":")[1]}`)).toEqual([]);
  });

  it("tells why it cannot, with the status of a server's fault", async () => {
    const { code, stderr } = await runCommand([...serve, ...ports, "--templates", "2"]);
    expect(code).toBe(exitCodes.server);
    // The models are ONNX, and this Triton has no backend for them.
    expect(stderr).toMatch(/died before it was ready: exit code 1[\s\S]*onnxruntime/);
    expect(stderr).toContain("[launch-failed]");
  });
});
