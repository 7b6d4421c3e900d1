import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodes } from "strainflow";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifests = readdirSync(join(root, "packages")).map(
  (folder) => JSON.parse(read(`packages/${folder}/package.json`)) as Manifest,
);

/** From the source of the data flow to its end; a package depends on earlier ones only. */
const order = [
  "series",
  "metrics",
  "fft",
  "steps",
  "operators",
  "waveforms",
  "hdf5",
  "arrow",
  "zeromq",
  "proto",
  "http2",
  "triton",
  "repository",
  "stores",
  "processes",
  "server",
  "handlers",
  "launch",
  "page",
  "monitor",
  "loadtest",
  "search",
  "dashboard",
  "cli",
];
const place = (name: string): number =>
  order.indexOf(name === "strainflow" ? "cli" : name.replace("@strainflow/", ""));

describe("the packages", () => {
  it("depend in one direction", () => {
    for (const { name, dependencies = {} } of manifests) {
      expect(place(name), name).toBeGreaterThanOrEqual(0);
      for (const other of Object.keys(dependencies).filter((d) => d.startsWith("@strainflow/")))
        expect(place(other), `${name} → ${other}`).toBeLessThan(place(name));
    }
  });

  it("keep what is heavy in the one package that is about it", () => {
    const owners: Readonly<Record<string, readonly string[]>> = {
      h5wasm: ["@strainflow/hdf5"],
      zeromq: ["@strainflow/zeromq"],
      "onnxruntime-node": ["@strainflow/server"],
      "@grpc/grpc-js": ["@strainflow/triton"],
      "fast-png": ["@strainflow/handlers"],
      "jpeg-js": ["@strainflow/handlers"],
      uplot: ["@strainflow/dashboard"],
      "@aws-sdk/client-s3": ["@strainflow/stores"],
      "google-auth-library": ["@strainflow/stores"],
      commander: ["strainflow"],
    };
    for (const [dependency, allowed] of Object.entries(owners))
      expect(manifests.filter((m) => dependency in (m.dependencies ?? {})).map((m) => m.name)).toEqual(
        allowed,
      );
  });

  it("keep operators free of the client: an inference stream is an interface", () => {
    const operators = manifests.find(({ name }) => name === "@strainflow/operators")!;
    expect(Object.keys({ ...operators.dependencies, ...operators.peerDependencies }).sort()).toEqual([
      "@strainflow/series",
      "@strainflow/steps",
      "rxjs",
    ]);
  });
});

describe("the README", () => {
  const readme = read("README.md");

  it("has the exit statuses that the command has", () => {
    const listed = [...readme.matchAll(/^\| (\d+) \| /gm)].map(([, status]) => Number(status));
    expect(listed).toEqual(Object.values(exitCodes));
  });

  it("names every package", () => {
    for (const { name } of manifests) expect(readme).toContain(`\`${name}\``);
  });

  it("leads only to files that are there", () => {
    for (const [, path] of readme.matchAll(/\]\((?!http)([^)#]+)\)/g))
      expect(() => read(path!)).not.toThrow();
  });
});
