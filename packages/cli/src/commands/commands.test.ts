import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { addCommands } from "../command-list.ts";
import { exitCodes } from "../exit-code.ts";
import { helpStyle } from "../help-style.ts";
import { built, runCommand, startCommand } from "../testing/run-command.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-commands-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function helpOf(names: readonly string[], width: number): Promise<string> {
  const program = new Command("strainflow").configureHelp(helpStyle).exitOverride();
  await addCommands(program, names);
  const found = names.reduce<Command | undefined>(
    (command, name) => command?.commands.find((one) => one.name() === name),
    program,
  );
  let help = "";
  found?.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => width }).outputHelp();
  return help;
}

describe("help", () => {
  test.each([
    "generate",
    "inspect",
    "send",
    "serve",
    "plan",
    "graph",
    "settings",
    "model build",
    "model inspect",
    "model add",
    "model export",
    "model convert",
    "model list",
    "model push",
    "model pull",
    "model verify",
    "monitor",
    "loadtest",
  ])("of %s gives an example as one would type it, in wide and narrow terminals", async (name) => {
    const help = await helpOf(name.split(" "), 80);
    expect(help).toContain(`Usage: strainflow ${name}`);
    expect(help).toMatch(/Examples?:\n {2}\$ strainflow /);
    // What one would copy stays whole, and so does a word.
    const isWhole = (line: string): boolean => /^ {2}[${]|^Usage:|^ *\S*$/.test(line);
    for (const width of [60, 80])
      for (const line of (await helpOf(name.split(" "), width)).split("\n"))
        if (!isWhole(line)) expect(line.length, line).toBeLessThanOrEqual(width);
  });
});

const suite = built || process.env["STRAINFLOW_REQUIRE"] === "all" ? describe : describe.skip;

suite("the built command (needs `npx tsc -b`)", () => {
  test("what cannot be used ends with its own status, a tag and no stack", async () => {
    const [help, unknown, file, flag, model] = await Promise.all([
      runCommand(["--help"]),
      runCommand(["no-such-command"]),
      runCommand(["inspect", join(folder, "none.hdf5")]),
      runCommand(["generate", "--duration", "1.5"]),
      runCommand(["model", "inspect", join(folder, "none")]),
    ]);
    expect([unknown, file, flag, model].map(({ code }) => code)).toEqual([
      exitCodes.usage,
      exitCodes.input,
      exitCodes.usage,
      exitCodes.server,
    ]);
    for (const name of ["demo", "replay", "plan", "graph", "inspect", "generate", "send", "serve", "model"])
      expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
    expect(file.stderr).toMatch(/✗ .*none\.hdf5: there is no such file {3}\[file-not-found\]\n$/);
    expect(flag.stderr).toContain("--duration");
    for (const { stderr } of [unknown, file, flag, model]) expect(stderr).not.toContain("    at ");
  });

  test("generate, inspect, plan and graph go together", async () => {
    const out = join(folder, "strain");
    const made = await runCommand([
      ..."generate --json --ifos H1,L1 --sample-rate 2048 --duration 20 --injections 1 --seed 5 --file-length 10 -o".split(
        " ",
      ),
      out,
    ]);
    expect(made.code, made.stderr).toBe(0);
    const { files } = made.records.find(({ type }) => type === "generated") as { readonly files: string[] };
    expect(files).toHaveLength(4);

    const [looked, told] = await Promise.all([
      runCommand(["inspect", "--json", ...files]),
      runCommand(["inspect", ...files]),
    ]);
    expect(looked.records).toHaveLength(4);
    expect(looked.records[1]).toMatchObject({
      layout: "gwosc",
      channels: [
        {
          channel: "H1",
          sampleRate: 2048,
          startNs: "1000000010000000000",
          endNs: "1000000020000000000",
          gaps: [],
        },
      ],
    });
    expect(told.stdout).toMatch(/quality +DATA all/);
    expect(told.stdout).toMatch(/L1 +GPS 1000000000 … 1000000020 \(20 s\), 2 files, no holes/);

    const svg = join(folder, "pipeline.svg");
    const settings = join(folder, "settings.yaml");
    await writeFile(settings, "templates: 2\npsdLength: 8\nthreshold: 9\n");
    const [plan, graph] = await Promise.all([
      runCommand(["plan", ...files, "-c", settings]),
      runCommand(["graph", ...files, "-c", settings, "--svg", svg]),
    ]);
    expect([plan.code, graph.code], plan.stderr + graph.stderr).toEqual([0, 0]);
    expect(plan.stdout).toMatch(/triggers float32 \[16, 2, 2, 3\]/);
    expect(plan.stdout).toMatch(/speed +[\d.]+ ms per request/);
    expect(plan.stdout).toMatch(/searched +\d+\.?\d* s of 20 s/);
    expect(plan.stdout).toMatch(/checks +6 of 6 pass/);
    const drawing = await readFile(svg, "utf8");
    expect(drawing).toMatch(/^<svg .*\n/);
    expect(drawing).toContain("above 9");
  });

  test("model build, serve and inspect go together, and Ctrl-C ends a server in order", async () => {
    const models = join(folder, "models");
    const build = ["model", "build", "-o", models, "--templates", "3", "--ifos", "V1", "--batch-size", "4"];
    expect((await runCommand(build)).code).toBe(0);
    const [again, looked] = await Promise.all([
      runCommand(build),
      runCommand(["model", "inspect", "--json", models, "matched-filter-stream"]),
    ]);
    expect(again.code).toBe(exitCodes.usage);
    expect(looked.records).toMatchObject([
      {
        platform: "ensemble",
        templates: 3,
        steps: ["snapshotter", "matched-filter"],
        streaming: { channels: "V1", batch_size: "4", stride_size: "128" },
      },
    ]);

    const own = join(models, "matched-filter", "1", "model.onnx");
    const server = startCommand([
      "serve",
      "--json",
      "--repository",
      models,
      "--grpc-port",
      "0",
      "--no-http",
      "--workers",
      "1",
    ]);
    const ready = await server.record("ready");
    expect(ready).toMatchObject({ http: null, models: expect.arrayContaining(["matched-filter-stream"]) });
    const [served, added] = await Promise.all([
      runCommand(["model", "inspect", "--json", "--server", String(ready["grpc"])]),
      runCommand([..."model add --json --ifos V1 --batch-size 4 --name mine -o".split(" "), models, own]),
    ]);
    expect(served.records).toMatchObject([{ name: "matched-filter-stream", versions: ["1"], templates: 3 }]);
    expect(added.code, added.stderr).toBe(0);
    expect(added.records).toMatchObject([{ steps: ["mine-snapshotter", "mine"] }]);
    server.child.kill("SIGINT");
    const { code, stderr } = await server.finished;
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("all streams are closed");
    expect(() => process.kill(Number(ready["pid"]), 0)).toThrow();
  });

  test("a network that cannot be added leaves no folder behind", async () => {
    const { code, stderr } = await runCommand(["model", "add", "none.onnx", "-o", "unmade"], folder);
    expect([code, stderr]).toEqual([exitCodes.server, expect.stringContaining("none.onnx cannot be read")]);
    expect(await readdir(folder)).not.toContain("unmade");
  });

  test("a terminal that is closed ends it as Ctrl-C does, and nothing is left", async () => {
    const scratch = join(folder, "scratch");
    await mkdir(scratch);
    const serve = "serve --json --templates 2 --workers 1 --grpc-port 0 --no-http".split(" ");
    const server = startCommand(serve, folder, { TMPDIR: scratch });
    await server.record("ready");
    expect(await readdir(scratch)).toHaveLength(1);
    server.child.kill("SIGHUP");
    const { code, stderr } = await server.finished;
    expect(code, stderr).toBe(0);
    // Nor has ONNX Runtime left anything: what it would report to its maker begins with files there.
    expect(await readdir(scratch)).toEqual([]);
  });

  test("settings come from the folder's file, and the schema is JSON", async () => {
    await writeFile(
      join(folder, "strainflow.config.ts"),
      "const threshold: number = 7.5;\nexport default { threshold };\n",
    );
    const [settings, schema, invalid] = await Promise.all([
      runCommand(["settings", "--templates", "64"], folder),
      runCommand(["settings", "--schema"], folder),
      runCommand(["settings", "--series", "csv"], folder),
    ]);
    expect(settings.stdout).toMatch(/threshold +7\.5 {3}\(file\)/);
    expect(settings.stdout).toMatch(/templates +64 {3}\(flag\)/);
    expect(settings.stdout).toMatch(/psdStride +\S+ {3}\(default\)/);
    expect(JSON.parse(schema.stdout)).toMatchObject({ type: "object", title: "strainflow settings" });
    expect([invalid.code, invalid.stderr]).toEqual([exitCodes.usage, expect.stringContaining("[usage]")]);
  });

  test("send ends on Ctrl-C, and says what it has sent", async () => {
    const files = join(folder, "sent");
    await runCommand(["generate", "--ifos", "H1", "--duration", "16", "--sample-rate", "1024", "-o", files]);
    const log = join(folder, "dropped.jsonl");
    const sending = startCommand([
      ..."send --json --to zmq://127.0.0.1:0 --wait-for 0 --loop --speed 8 --drop 0.5 --drop-log".split(" "),
      log,
      join(files, "*.hdf5"),
    ]);
    expect(await sending.record("ready")).toMatchObject({ address: expect.stringMatching(/^zmq:/) });
    await sending.record("dropped");
    sending.child.kill("SIGINT");
    const { code, records } = await sending.finished;
    expect(code).toBe(exitCodes.interrupted);
    const summary = records.find(({ type }) => type === "summary");
    const logged = (await readFile(log, "utf8")).trim().split("\n");
    expect(summary).toMatchObject({ interrupted: true, droppedMessages: logged.length });
  });
});
