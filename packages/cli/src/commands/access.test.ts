import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { selfSigned } from "../../../triton/src/testing/certificate.ts";
import { exitCodes } from "../exit-code.ts";
import {
  built,
  type Finished,
  type RunningCommand,
  runCommand,
  startCommand,
} from "../testing/run-command.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-access-"));
const cert = join(folder, "cert.pem");
const key = join(folder, "key.pem");
const tokens = join(folder, "tokens");
const suite = built || process.env["STRAINFLOW_REQUIRE"] === "all" ? describe : describe.skip;

suite("a server with TLS and tokens, and the commands that ask it (needs `npx tsc -b`)", () => {
  let server: RunningCommand;
  let [grpc, http, metrics] = ["", "", ""];
  beforeAll(async () => {
    const made = selfSigned();
    writeFileSync(cert, made.cert);
    writeFileSync(key, made.key);
    writeFileSync(tokens, "# those who watch\nread watcher\nadmin operator\n");
    server = startCommand([
      ..."serve --json --templates 2 --workers 1 --grpc-port 0 --http-port 0 --metrics-port 0".split(" "),
      ...["--tls-cert", cert, "--tls-key", key, "--token-file", tokens],
    ]);
    const ready = await server.record("ready");
    [grpc, http, metrics] = [String(ready["grpc"]), String(ready["http"]), String(ready["metrics"])];
  });
  afterAll(async () => {
    server.child.kill("SIGTERM");
    const { stderr } = await server.finished;
    rmSync(folder, { recursive: true });
    // What it says that clients are to be told.
    expect(stderr).toContain(`--server ${grpc} --tls-ca ${cert} --token-file ${tokens}`);
  });

  const trusted = ["--tls-ca", cert, "--token-file", tokens];
  const done = ({ code, stderr }: Finished): void => expect(code, stderr).toBe(0);

  it("give addresses that say TLS", () => {
    expect(grpc).toMatch(/^grpcs:\/\/127\.0\.0\.1:\d+$/);
    expect(http).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(metrics).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/metrics$/);
  });

  it("replay finds there what it would find by itself, by flags or by settings", async () => {
    const strain = join(folder, "strain");
    const shape = ["--ifos", "H1,L1", "--sample-rate", "2048"];
    done(
      await runCommand([
        "generate",
        "--quiet",
        ...shape,
        ...["--duration", "20", "--injections", "1", "--seed", "5", "-o", strain],
      ]),
    );
    const settings = join(folder, "settings.json");
    // Its `host:port` alone: that TLS is meant follows from the authority.
    const server = grpc.replace("grpcs://", "");
    writeFileSync(settings, JSON.stringify({ server, tlsCa: cert, tokenFile: tokens, series: "none" }));
    const replay = (...more: readonly string[]): Promise<Finished> =>
      runCommand(["replay", "--json", join(strain, "*.hdf5"), ...more]);
    const [own, byFlags, bySettings] = await Promise.all([
      replay("--templates", "2", "--series", "none", "-o", join(folder, "own")),
      replay("--server", grpc, ...trusted, "--series", "none", "-o", join(folder, "flags")),
      replay("-c", settings, "-o", join(folder, "settings")),
    ]);
    const found = (run: Finished): unknown[] => {
      done(run);
      return run.records.filter(({ type }) => type === "detection");
    };
    expect(found(byFlags)).toEqual(found(own));
    expect(found(bySettings)).toEqual(found(own));
    for (const { stderr } of [byFlags, bySettings]) expect(stderr).not.toContain("Warning");
  });

  it("monitor reads the metrics, and the steps of the ensemble", async () => {
    const run = await runCommand(["monitor", "--once", "--json", `${metrics},${grpc}`, ...trusted]);
    done(run);
    const ensemble = run.records.find(({ model }) => model === "matched-filter-stream");
    expect(ensemble?.["steps"]).toHaveLength(2);
  });

  it.each(["gRPC", "HTTP"])("loadtest measures by %s, and in other processes", async (protocol) => {
    const address = protocol === "gRPC" ? grpc : http;
    const run = await runCommand([
      ..."loadtest --json -m matched-filter-stream -c 2 --warmup 50ms --window 100ms --max-windows 3".split(
        " ",
      ),
      ...[address, "--tls-ca", cert, "--token", "watcher", "--processes", protocol === "gRPC" ? "2" : "1"],
    ]);
    done(run);
    expect(run.records.find(({ type }) => type === "level")).toMatchObject({ failed: 0 });
  });

  it.each<[string, readonly string[], RegExp]>([
    [
      "a certificate that nobody vouches for",
      ["--token-file", "TOKENS", "--tls"],
      /not trusted \(self-signed certificate\); give the certificate of who signed it with --tls-ca {3}\[server-untrusted\]/,
    ],
    [
      "no token",
      ["--tls-ca", "CERT"],
      /a bearer token is needed .*; it wants a token: give one with --token-file/,
    ],
    [
      "a token that it does not know",
      ["--tls-ca", "CERT", "--token", "nobody"],
      /it does not know the token that was sent \(--token-file\)/,
    ],
  ])("all say what is wrong with %s", async (_, given, message) => {
    const access = given.map((one) => one.replace("CERT", cert).replace("TOKENS", tokens));
    const runs = await Promise.all([
      runCommand(["model", "inspect", "--server", grpc, ...access]),
      runCommand(["monitor", "--once", "--quiet", metrics, ...access]),
      runCommand(["loadtest", grpc, "-m", "matched-filter-stream", ...access]),
    ]);
    for (const [i, { stderr, code }] of runs.entries()) {
      // The metrics are by HTTP, which says the same in other words.
      const isMetrics = i === 1 && /bearer|know the token|not trusted/.test(message.source);
      if (!isMetrics) expect(stderr).toMatch(message);
      else expect(stderr).toMatch(/--tls-ca|--token-file/);
      expect(code).toBe(exitCodes.server);
      expect(stderr).not.toContain("    at ");
    }
  });

  it.each<[string, readonly string[], RegExp]>([
    ["half an identity", ["--tls-cert", "CERT"], /--tls-cert and --tls-key go together/],
    ["what is no certificate", ["--tls-ca", "TOKENS"], /--tls-ca is .*tokens, which is not in PEM/],
    [
      "a file that is not there",
      ["--token-file", "CERT.none"],
      /--token-file is .*none, which cannot be read/,
    ],
  ])("is not asked with %s", async (_, given, message) => {
    const access = given.map((one) => one.replace("CERT", cert).replace("TOKENS", tokens));
    const { code, stderr } = await runCommand(["model", "inspect", "--server", grpc, ...access]);
    expect(stderr).toMatch(message);
    expect(code).toBe(exitCodes.usage);
  });
});

suite("an image folder of the settings (needs `npx tsc -b`)", () => {
  it("is where serve looks for an image by its name", async () => {
    const images = mkdtempSync(join(tmpdir(), "strainflow-images-"));
    try {
      writeFileSync(join(images, "other.sif"), "");
      mkdirSync(join(images, "models", "net"), { recursive: true });
      writeFileSync(join(images, "models", "net", "config.pbtxt"), 'name: "net" backend: "python"');
      const settings = join(images, "settings.yaml");
      writeFileSync(settings, `imageFolder: ${images}\n`);
      const { code, stderr } = await runCommand([
        ..."serve --runtime apptainer --image triton --grpc-port 0 --http-port 0 --metrics-port 0".split(" "),
        ...["--repository", join(images, "models"), "--config", settings],
      ]);
      expect(stderr).toContain(`there is no image triton: the image folder ${images} holds`);
      expect(stderr).toContain("other.sif");
      expect(code).toBe(exitCodes.server);
    } finally {
      rmSync(images, { recursive: true });
    }
  });
});
