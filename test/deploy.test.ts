import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type Container,
  deploy,
  type Manifest,
  manifestFiles,
  readCompose,
  readManifests,
} from "./support/deploy-files.ts";

const required = process.env["STRAINFLOW_REQUIRE"] === "all";
const python = process.env["STRAINFLOW_PYTHON"];
const validator = python === undefined ? "kubernetes-validate" : join(dirname(python), "kubernetes-validate");
const runs = (file: string): boolean => spawnSync(file, ["--version"]).status === 0;

const folder = mkdtempSync(join(tmpdir(), "strainflow-deploy-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the compose file", () => {
  const { services, volumes = {} } = readCompose("compose.yaml");
  const all = Object.entries(services);

  it("has a version of every image", () => {
    for (const [name, { image }] of all) expect(image, name).toMatch(/^[\w./-]+:(?!latest$)[\w.-]+$/);
  });

  it("refers to services, volumes and files that are there", () => {
    for (const [name, service] of all) {
      for (const other of Object.keys(service.depends_on ?? {}))
        expect(services, name).toHaveProperty([other]);
      for (const volume of service.volumes ?? []) {
        const source = typeof volume === "string" ? volume.slice(0, volume.indexOf(":")) : volume.source;
        // `./models` is made by who deploys.
        if (source.startsWith("./"))
          expect(source === "./models" || existsSync(join(deploy, source))).toBe(true);
        else expect(volumes, name).toHaveProperty([source]);
      }
    }
    for (const name of Object.keys(readCompose("compose.gpu.yaml").services))
      expect(services).toHaveProperty([name]);
  });

  it("waits for what is completed only where something completes, and for health where it is told", () => {
    for (const { depends_on: needed = {} } of Object.values(services))
      for (const [name, { condition }] of Object.entries(needed)) {
        expect(["service_started", "service_healthy", "service_completed_successfully"]).toContain(condition);
        expect(services[name], name).toHaveProperty("restart");
        if (condition === "service_healthy") expect(services[name]).toHaveProperty("healthcheck");
        if (condition === "service_completed_successfully")
          expect(services[name]).not.toHaveProperty("restart", "unless-stopped");
      }
  });

  it("listens on loopback alone, and takes its keys from a file that is not there", () => {
    for (const [name, { ports = [] }] of all)
      for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
    const asked = [...readFileSync(join(deploy, "compose.yaml"), "utf8").matchAll(/\$\{(\w+)/g)];
    const example = readFileSync(join(deploy, ".env.example"), "utf8");
    expect(asked.length).toBeGreaterThan(0);
    for (const [, name] of asked) expect(example).toMatch(new RegExp(`^${name}=$`, "m"));
    expect(existsSync(join(deploy, ".env"))).toBe(false);
  });

  it("has Prometheus and the monitor ask at ports where somebody listens", () => {
    const targets = [...readFileSync(join(deploy, "prometheus.yml"), "utf8").matchAll(/"(\w+):(\d+)"/g)];
    expect(targets.map(([, host]) => host)).toEqual(["triton", "monitor"]);
    for (const [, host = "", port] of targets)
      expect(services[host]?.ports).toContain(`127.0.0.1:${port}:${port}`);
    expect(services["monitor"]?.command).toContain(`0.0.0.0:${targets[1]?.[2]}`);
  });
});

describe("the Kubernetes manifests", () => {
  const manifests = readManifests();
  const of = (kind: string): readonly Manifest[] => manifests.filter((one) => one.kind === kind);
  const workloads = [...of("StatefulSet"), ...of("Deployment")];
  const containersOf = ({ spec }: Manifest): readonly Container[] => [
    ...(spec?.template?.spec.initContainers ?? []),
    ...(spec?.template?.spec.containers ?? []),
  ];

  it("lie in one namespace, with a version of every image", () => {
    for (const { kind, metadata } of manifests)
      expect(kind === "Namespace" ? metadata.name : metadata.namespace, metadata.name).toBe("strainflow");
    for (const { image } of workloads.flatMap(containersOf)) expect(image).toMatch(/:(?!latest$)[\w.-]+$/);
  });

  it("have services that find their pods, at ports that these have", () => {
    expect(
      of("Service")
        .map(({ metadata }) => metadata.name)
        .sort(),
    ).toEqual(["monitor", "prometheus", "store", "triton"]);
    for (const { metadata, spec } of of("Service")) {
      const found = workloads.filter(
        (one) => one.spec?.template?.metadata.labels["app"] === spec?.selector?.["app"],
      );
      expect(found, metadata.name).toHaveLength(1);
      const ports = found.flatMap(containersOf).flatMap(({ ports: own = [] }) => own);
      for (const { targetPort, port } of spec?.ports ?? [])
        expect(ports).toContainEqual({ name: targetPort, containerPort: port });
    }
    for (const { spec } of of("StatefulSet"))
      expect(of("Service").map(({ metadata }) => metadata.name)).toContain(spec?.serviceName);
  });

  it("mount volumes, probe ports and read secrets and configurations that are there", () => {
    const readme = readFileSync(join(deploy, "README.md"), "utf8");
    for (const workload of workloads) {
      const { volumes = [] } = workload.spec?.template?.spec ?? {};
      const claims = (workload.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata.name);
      const names = [...volumes.map(({ name }) => name), ...claims];
      for (const { configMap } of volumes)
        if (configMap !== undefined)
          expect(of("ConfigMap").map(({ metadata }) => metadata.name)).toContain(configMap.name);
      for (const container of containersOf(workload)) {
        for (const { name } of container.volumeMounts ?? []) expect(names).toContain(name);
        for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe])
          if (probe !== undefined)
            expect(container.ports?.map(({ name }) => name)).toContain(probe.httpGet.port);
        for (const { valueFrom } of container.env ?? [])
          if (valueFrom !== undefined) {
            expect(readme).toContain(`create secret generic ${valueFrom.secretKeyRef.name} `);
            expect(readme).toContain(`--from-literal=${valueFrom.secretKeyRef.key}=`);
          }
      }
    }
  });

  it("watch every Triton by its own name", () => {
    const triton = workloads.find(({ metadata }) => metadata.name === "triton");
    const monitor = workloads.find(({ metadata }) => metadata.name === "monitor");
    const watched = containersOf(monitor!)[0]?.args?.filter((argument) => argument.includes("grpc://"));
    expect(watched).toEqual(
      Array.from(
        { length: triton?.spec?.replicas ?? 0 },
        (_, i) => `triton-${i}.triton:8002,grpc://triton-${i}.triton:8001`,
      ),
    );
  });

  it("run the same programs as the compose file", () => {
    const { services } = readCompose("compose.yaml");
    const words = (text: readonly string[] = []): string[] =>
      text
        .map((word) => word.replace("store.strainflow.svc", "store"))
        .filter((word) => !word.includes("grpc://"));
    for (const { metadata, spec } of workloads) {
      const container = spec?.template?.spec.containers[0];
      expect(container?.image).toBe(services[metadata.name]?.image);
      expect(words(container?.args)).toEqual(words(services[metadata.name]?.command));
    }
  });

  const withoutValidator = !runs(validator) && !required;
  it.skipIf(withoutValidator)(
    "pass kubernetes-validate --strict (needs kubernetes-validate from PyPI)",
    () => {
      const good = spawnSync(validator, ["--strict", ...manifestFiles], { encoding: "utf8" });
      expect(good.stdout + good.stderr).not.toMatch(/ERROR|WARN/);
      expect(good.status).toBe(0);
      const wrong = join(folder, "wrong.yaml");
      writeFileSync(
        wrong,
        readFileSync(`${deploy}/kubernetes/triton.yaml`, "utf8").replace("replicas: 2", "replica: 2"),
      );
      expect(spawnSync(validator, ["--strict", wrong]).status).not.toBe(0);
    },
  );
});

describe("Prometheus' files", () => {
  const manifest = readManifests().find(({ kind }) => kind === "ConfigMap");

  it("are the same rules in both places", () => {
    expect(manifest?.data?.["alerts.yml"]).toBe(readFileSync(join(deploy, "alerts.yml"), "utf8"));
  });

  const withoutPromtool = !runs("promtool") && !required;
  it.skipIf(withoutPromtool)("pass promtool (needs promtool, of Debian's prometheus)", () => {
    for (const [name, text] of Object.entries(manifest?.data ?? {})) writeFileSync(join(folder, name), text);
    for (const path of [join(deploy, "prometheus.yml"), join(folder, "prometheus.yml")]) {
      const { status, stdout, stderr } = spawnSync("promtool", ["check", "config", path], {
        encoding: "utf8",
      });
      expect(status, stderr).toBe(0);
      expect(stdout).toContain("3 rules found");
    }
    writeFileSync(join(folder, "prometheus.yml"), "scrape_config: []\n");
    expect(spawnSync("promtool", ["check", "config", join(folder, "prometheus.yml")]).status).not.toBe(0);
  });
});
