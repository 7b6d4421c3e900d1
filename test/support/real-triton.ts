import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { launch, type TritonLaunch } from "@strainflow/launch";
import { describe, type SuiteAPI } from "vitest";

/** Where `npm test` makes it; also found by a test that is run by itself, once that was done. */
const made = resolve(import.meta.dirname, "../../.cache/triton");

/** A Python environment that holds a real Triton, or a `tritonserver`. */
export const tritonHome: string | undefined =
  process.env["STRAINFLOW_TRITON"] ?? (existsSync(`${made}/packages.txt`) ? made : undefined);

const required = process.env["STRAINFLOW_REQUIRE"] === "all";

/** Whether tests on it are to be skipped; where everything is required they run, and fail. */
export const withoutTriton: boolean = tritonHome === undefined && !required;

/** `describe` for what needs a real Triton; skipped by a name that says so. */
export const describeTriton = (name: string, tests: () => void): ReturnType<SuiteAPI> =>
  describe.skipIf(withoutTriton)(`${name} (needs a real Triton, which \`npm test\` sets up)`, tests);

export interface RealTriton extends AsyncDisposable {
  /** `host:port` of gRPC. */
  readonly address: string;
  /** `http://host:port` */
  readonly httpAddress: string;
  /** `http://host:port/metrics` */
  readonly metricsAddress: string;
  /** Of `tritonserver` itself. */
  readonly pid: number;
  close(): Promise<void>;
}

/** Starts a real Triton on a model repository, on loopback and free ports; it is ready when this resolves. */
export async function startRealTriton(
  repository: string,
  options: Partial<Omit<TritonLaunch, "runtime" | "repository">> = {},
): Promise<RealTriton> {
  const server = await launch({
    runtime: "triton",
    repository,
    ...(tritonHome === undefined ? {} : { python: tritonHome }),
    // Killed at once: in order it takes three seconds, and a test has nothing under way.
    stopTimeoutMs: 0,
    ...options,
  });
  const { address, httpAddress, metricsAddress } = server;
  if (httpAddress === undefined || metricsAddress === undefined)
    throw new Error("a Triton for tests has HTTP and metrics");
  return {
    address,
    httpAddress,
    metricsAddress,
    get pid() {
      return server.pid;
    },
    close: () => server.close(),
    [Symbol.asyncDispose]: () => server.close(),
  };
}
