import { StrainflowError } from "@strainflow/series";
import type { ApptainerLaunch, DockerLaunch, TritonLaunch } from "./launch-options.ts";
import { plansToLoad } from "./plans-to-load.ts";
import { visibleGpus } from "./visible-gpus.ts";

/**
 * Looks at the TensorRT plans that a Triton is to load, before minutes are spent on a start that must fail: a plan runs
 * on the TensorRT and the kind of GPU that built it. What lies in S3 or Google Cloud Storage is looked at with the
 * credentials of this process.
 *
 * @param id a name for a container that is asked for its TensorRT
 * @param warn what may be wrong, and cannot be known
 * @throws `plan-mismatch`, naming each plan, what built it, and what it was to run on
 */
export async function checkPlans(
  options: TritonLaunch | ApptainerLaunch | DockerLaunch,
  id: string,
  warn: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { repository: path, gpus, serverArgs = [] } = options;
  await using plans = await plansToLoad(path, serverArgs, warn, signal);
  const { models } = plans;
  if (models.length === 0) return;
  if (gpus?.length === 0)
    throw new StrainflowError(
      "plan-mismatch",
      `${models.join(", ")}: TensorRT runs on GPUs, and the server is given none; give it one, or serve another model`,
      { details: { models } },
    );
  // Most repositories have no plans, and need none of this.
  const { computeCapabilities, requirePlans } = await import("@strainflow/repository");
  const { tensorRtVersion } = await import("./tensorrt-version.ts");
  const devices = visibleGpus(gpus, process.env["CUDA_VISIBLE_DEVICES"]);
  const tensorrtVersion = await tensorRtVersion(options, id, signal);
  // A driver whose tool does not answer is the server's to meet.
  const capabilities = await computeCapabilities(devices === undefined ? {} : { devices }).catch(() => []);
  const unknown = [
    ...(tensorrtVersion === undefined ? ["which TensorRT the server has"] : []),
    ...(capabilities.length === 0 ? ["which GPUs there are (nvidia-smi)"] : []),
  ];
  if (unknown.length > 0)
    warn(`whether the TensorRT plans ${models.join(", ")} fit is not known, nor ${unknown.join(", nor ")}`);
  const opened = await plans.open();
  const version = tensorrtVersion === undefined ? {} : { tensorrtVersion };
  // Of GPUs of several kinds, a model's instance_group may name the right ones, by numbers whose order is CUDA's own:
  // one that fits is enough to go on with.
  const kinds = [...new Set(capabilities)];
  const tries = await Promise.allSettled(
    (kinds.length > 1 ? kinds.map((kind) => [kind]) : [kinds]).map((computeCapabilities) =>
      requirePlans(opened, { computeCapabilities, ...version }, models),
    ),
  );
  const fitting = tries.find((one) => one.status === "fulfilled");
  const failed = tries.find((one) => one.status === "rejected");
  if (fitting === undefined) throw failed?.reason;
  if (failed !== undefined)
    warn(
      `${failed.reason instanceof Error ? failed.reason.message : String(failed.reason)}; there are GPUs of several kinds (${kinds.join(", ")}): see that its instance_group names those that fit`,
    );
  for (const { model, problem, fix } of fitting.value) warn(`${model}: ${problem}; ${fix}`);
}
