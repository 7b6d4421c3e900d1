import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { apptainerCommand } from "./apptainer-command.ts";
import { bindMount } from "./container-environment.ts";
import { findImage } from "./container-image.ts";
import { dockerCommand } from "./docker-command.ts";
import { hasGpuDriver } from "./visible-gpus.ts";

const folder = mkdtempSync(join(tmpdir(), "strainflow-images-"));
mkdirSync(join(folder, "ml4gw", "hermes:22.12"), { recursive: true });
writeFileSync(join(folder, "triton.sif"), "");
writeFileSync(join(folder, "..", "outside.sif"), "");
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(join(folder, "..", "outside.sif"));
});

const PORTS = { grpc: 4001, http: 4000, metrics: 4002 };

describe("an image of Apptainer's", () => {
  it.each([
    ["docker://nvcr.io/nvidia/tritonserver:24.10-py3", "docker://nvcr.io/nvidia/tritonserver:24.10-py3"],
    ["oras://ghcr.io/a/b", "oras://ghcr.io/a/b"],
    ["nvcr.io/nvidia/tritonserver:24.10-py3", "docker://nvcr.io/nvidia/tritonserver:24.10-py3"],
    ["localhost:5000/triton", "docker://localhost:5000/triton"],
    [join(folder, "triton.sif"), join(folder, "triton.sif")],
    ["triton.sif", join(folder, "triton.sif")],
    ["triton", join(folder, "triton.sif")],
    ["ml4gw/hermes:22.12", join(folder, "ml4gw", "hermes:22.12")],
  ])("%s is %s", (image, found) => {
    expect(findImage(image, folder)).toBe(found);
  });

  it.each([
    ["nothing", "holds"],
    ["/no/such/image.sif", "no such file"],
    ["./triton.sif", "no such file"],
    ["../outside", "no such file"],
    ["ml4gw/../../outside.sif", "out of the image folder"],
  ])("%s is not there", (image, why) => {
    expect(() => findImage(image, folder)).toThrow(why);
  });

  it("needs a folder for a bare name, and one that can be read", () => {
    expect(() => findImage("triton", undefined)).toThrow("STRAINFLOW_IMAGES");
    expect(() => findImage("triton", join(folder, "nowhere"))).toThrow("cannot be read");
  });
});

describe("the command of a container", () => {
  const common = { repository: "models", image: "nvcr.io/nvidia/tritonserver:24.10-py3" };

  it("asks for no GPU where none is wanted, or none is there", async () => {
    const none = { ...common, gpus: [] };
    const apptainer = await apptainerCommand({ runtime: "apptainer", ...none }, "127.0.0.1", PORTS, "id");
    expect(apptainer.args).not.toContain("--nv");
    expect(apptainer.env["APPTAINERENV_CUDA_VISIBLE_DEVICES"]).toBe("");
    const docker = await dockerCommand({ runtime: "docker", ...none }, "127.0.0.1", PORTS, "id");
    expect(docker.args.filter((argument) => argument.startsWith("--gpus"))).toEqual([]);
    expect(docker.env["NVIDIA_VISIBLE_DEVICES"]).toBe("void");
    const unasked = await apptainerCommand({ runtime: "apptainer", ...common }, "127.0.0.1", PORTS, "id");
    expect(unasked.args.includes("--nv")).toBe(hasGpuDriver());
  });

  it("has Docker listen where it is published, or on the machine's network", async () => {
    const published = await dockerCommand(
      { runtime: "docker", ...common, httpPort: false },
      "::1",
      { ...PORTS, http: false },
      "id",
    );
    expect(published.args).toEqual(
      expect.arrayContaining([
        "--publish=[::1]:4001:8001",
        "--grpc-address=0.0.0.0",
        "--grpc-port=8001",
        "--allow-http=false",
      ]),
    );
    expect(published.place).toEqual({ grpc: "[::1]:4001", metrics: "http://[::1]:4002/metrics" });
    const { args } = await dockerCommand(
      { runtime: "docker", ...common, network: "host" },
      "127.0.0.1",
      PORTS,
      "id",
    );
    expect(args).toEqual(
      expect.arrayContaining(["--network=host", "--grpc-address=127.0.0.1", "--grpc-port=4001"]),
    );
    expect(args.join(" ")).not.toContain("--publish");
  });

  it("leaves a repository in a store to the server", async () => {
    const { args } = await dockerCommand(
      { runtime: "docker", ...common, repository: "s3://bucket/models" },
      "127.0.0.1",
      PORTS,
      "id",
    );
    expect(args).toContain("--model-repository=s3://bucket/models");
    expect(args).not.toContain("--mount");
  });

  it("refuses arguments that say otherwise than options, and files for Docker", async () => {
    for (const own of ["--grpc-port=1", "--grpc-port", "--id=x", "--model-store=/x", "--allow-http=false"])
      await expect(
        dockerCommand({ runtime: "docker", ...common, serverArgs: [own] }, "127.0.0.1", PORTS, "id"),
      ).rejects.toMatchObject({ tag: "invalid-option", message: expect.stringContaining("serverArgs") });
    await expect(
      dockerCommand({ runtime: "docker", ...common, image: "./triton.sif" }, "127.0.0.1", PORTS, "id"),
    ).rejects.toMatchObject({ tag: "invalid-option" });
  });
});

describe("a mount", () => {
  /** CSV of one line, as both engines read it. */
  function fieldsOf(line: string): string[] {
    const fields: string[] = [];
    for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/g))
      fields.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    return fields;
  }

  it("holds any path", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, unit: fc.constantFrom(",", '"', "=", ":", " ", "a", "\n") }),
        (path) => {
          expect(fieldsOf(bindMount({ type: "bind", source: path }, "ro"))).toEqual([
            "type=bind",
            `source=${path}`,
            "ro",
          ]);
        },
      ),
    );
  });
});
