import { withDefaults } from "../models/complete-config.ts";
import { stringParameters } from "../models/load-spec.ts";
import { Model } from "../models/model.ts";
import type { ModelFolder } from "../models/model-folder.ts";
import { modelSpec, notLoadable } from "../models/model-spec.ts";
import { type Kernel, NativeScheduler } from "../scheduling/native-scheduler.ts";
import { readLabels } from "../tensors/labels.ts";
import { Statistics } from "../watching/statistics.ts";
import { identityKernel } from "./native-identity.ts";
import { repeatKernel } from "./native-repeat.ts";

/** The backend whose models are code of this server, with no file in their version folder. */
export const NATIVE_BACKEND = "strainflow";

const KERNELS: Readonly<Record<string, Kernel>> = { identity: identityKernel, repeat: repeatKernel };

/** Loads one version of a model of the backend `strainflow`. @throws `model-not-loadable` */
export async function loadNativeModel(folder: ModelFolder, version: string): Promise<Model> {
  const { name, config } = folder;
  const kind = stringParameters(config)["strainflow.native"] ?? "";
  const kernel = Object.hasOwn(KERNELS, kind) ? KERNELS[kind] : undefined;
  const fail = (why: string): Error => notLoadable(name, why);
  if (kernel === undefined)
    throw fail(
      `parameter strainflow.native is '${kind}'; the backend strainflow has ${Object.keys(KERNELS).join(", ")}`,
    );
  if (config.schedulingChoice.case !== undefined)
    throw fail("the backend strainflow runs each request by itself");
  const decoupled = config.modelTransactionPolicy?.decoupled === true;
  if (decoupled !== kernel.decoupled)
    throw fail(
      `'${kind}' is ${kernel.decoupled ? "" : "not "}decoupled; its model_transaction_policy must say so`,
    );
  const labels = await readLabels(folder);
  const spec = { ...modelSpec(config, version), labels };
  kernel.check(spec, fail);
  const statistics = new Statistics();
  return new Model({
    spec: withDefaults(spec),
    platform: NATIVE_BACKEND,
    statistics,
    scheduler: new NativeScheduler(spec, kernel, statistics),
    isReady: () => true,
    stateful: false,
    release: () => {},
  });
}
