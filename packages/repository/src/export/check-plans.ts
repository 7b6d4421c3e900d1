import { repositoryError } from "../errors.ts";
import { platformOf } from "../platforms.ts";
import type { ModelRepository } from "../repository.ts";
import type { Problem } from "../verify.ts";
import { type PlanFacts, planFactsOf } from "./plan-facts.ts";
import { lastLines, runProgram } from "./run-program.ts";

/** Where plans are to run. */
export interface PlanHost {
  /** Its TensorRT, `10.7.0`; not checked where it is not known. */
  readonly tensorrtVersion?: string;
  /** Of the GPUs that serve, `["9.0"]`: {@link computeCapabilities} asks the driver. */
  readonly computeCapabilities: readonly string[];
}

/**
 * Which TensorRT plans of a repository a host cannot run, before a server finds out: a plan fits the TensorRT and the
 * kind of GPU that built it. Plans that were not built here, and so do not say what built them, are warned of.
 */
export async function checkPlans(
  repository: ModelRepository,
  host: PlanHost,
  names?: readonly string[],
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const model of names ?? (await repository.list())) {
    const config = await repository.config(model);
    if (platformOf(config) !== "tensorrt_plan") continue;
    const tell = (severity: Problem["severity"], problem: string, fix: string): number =>
      problems.push({ model, where: "parameters", severity, problem, fix });
    const facts = planFactsOf(config);
    if (facts === undefined)
      tell("warning", "it does not say which TensorRT and GPU built it", "convert it with convertToTensorRt");
    else for (const [problem, fix] of misfits(facts, host)) tell("error", problem, fix);
  }
  return problems;
}

/**
 * As {@link checkPlans}, for a start that is to fail.
 *
 * @returns what is warned of
 * @throws `plan-mismatch` with every plan that does not fit
 */
export async function requirePlans(
  repository: ModelRepository,
  host: PlanHost,
  names?: readonly string[],
): Promise<readonly Problem[]> {
  const problems = await checkPlans(repository, host, names);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0)
    throw repositoryError(
      "plan-mismatch",
      errors.map(({ model, problem, fix }) => `${model}: ${problem}; ${fix}`).join("\n"),
      { problems: errors },
    );
  return problems;
}

function* misfits(facts: PlanFacts, host: PlanHost): Generator<readonly [problem: string, fix: string]> {
  const { tensorrtVersion: built, computeCapability, gpu, hardwareCompatible, versionCompatible } = facts;
  const { tensorrtVersion: there, computeCapabilities } = host;
  const major = (version: string): string => version.split(".")[0] ?? "";
  const versionFits =
    there === undefined ||
    there === built ||
    (versionCompatible && major(there) === major(built) && newer(there, built));
  if (!versionFits)
    yield [
      `TensorRT ${built} built it, and TensorRT ${there} is to run it`,
      "convert it again with the trtexec of the server's container",
    ];
  const others = computeCapabilities.filter(
    (one) =>
      one !== computeCapability &&
      !(hardwareCompatible && Number(one) >= 8 && Number(computeCapability) >= 8),
  );
  if (others.length > 0)
    yield [
      `a GPU of compute capability ${computeCapability}${gpu === "" ? "" : ` (${gpu})`} built it, and it is to run on ${others.join(", ")}`,
      "convert it on such a GPU, or with hardwareCompatible",
    ];
}

function newer(version: string, than: string): boolean {
  const [a, b] = [version.split(".").map(Number), than.split(".").map(Number)];
  const at = a.findIndex((part, i) => part !== b[i]);
  return at === -1 || (a[at] ?? 0) > (b[at] ?? 0);
}

/**
 * Compute capabilities of this machine's GPUs, in the order of their indices; none where there is no driver.
 *
 * @param options `devices`: these alone, by index or by UUID or how that begins, as `CUDA_VISIBLE_DEVICES` has them
 * @throws `export-failed` if the driver's tool fails
 */
export async function computeCapabilities(
  options: { readonly nvidiaSmi?: string; readonly devices?: readonly (number | string)[] } = {},
): Promise<readonly string[]> {
  const { nvidiaSmi = "nvidia-smi", devices } = options;
  const end = await runProgram({
    command: nvidiaSmi,
    args: ["--query-gpu=index,uuid,compute_cap", "--format=csv,noheader"],
    timeoutMs: 30_000,
  }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (end === undefined) return [];
  if (end.code !== 0)
    throw repositoryError(
      "export-failed",
      `${nvidiaSmi} ended with status ${end.code}: ${lastLines(end.output, 2)}`,
      {
        output: end.output,
      },
    );
  const all = [...end.output.matchAll(/^(\d+), (\S+), (\d+\.\d+)\s*$/gm)];
  const chosen = all.filter(
    ([, index = "", uuid = ""]) =>
      devices === undefined ||
      devices.some((device) => String(device) === index || uuid.startsWith(String(device))),
  );
  return chosen.map(([, , , capability = ""]) => capability);
}
