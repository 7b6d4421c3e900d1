import { GRPCInferenceService, type LogSettingsRequest_SettingValue } from "@strainflow/proto";
import type { Core } from "../core.ts";
import { requireModel } from "../metadata.ts";
import type { LoadOverride } from "../models/model-override.ts";
import { invalid, Refusal } from "../refusal.ts";
import { changeLogSettings, GRPC_TEXTS, type SettingValue } from "../watching/control-settings.ts";
import type { Endpoint } from "./endpoint.ts";
import { unary } from "./unary.ts";

const { method } = GRPCInferenceService;

/** Repository, shared memory, trace and log: what changes the server and not a tensor. */
export function controlEndpoints(core: Core): Endpoint[] {
  return [...repository(core), ...systemMemory(core), ...cudaMemory(), ...settings(core)];
}

function onlyOneRepository(name: string): void {
  if (name !== "") throw new Refusal("UNIMPLEMENTED", "'repository_name' specification is not supported");
}

function repository(core: Core): Endpoint[] {
  return [
    unary(method.repositoryIndex, async ({ repositoryName, ready }) => {
      onlyOneRepository(repositoryName);
      return { models: await core.repository.index(ready) };
    }),
    unary(method.repositoryModelLoad, async ({ repositoryName, modelName, parameters }) => {
      onlyOneRepository(repositoryName);
      await core.command({ kind: "load", name: modelName, override: overrideOf(parameters) });
      return {};
    }),
    unary(method.repositoryModelUnload, async ({ repositoryName, modelName, parameters }) => {
      onlyOneRepository(repositoryName);
      const dependents = parameters.unload_dependents?.parameterChoice;
      if (dependents !== undefined && dependents.case !== "boolParam")
        throw invalid("invalid value type for 'unload_dependents' parameter, expected bool_param.");
      await core.command({ kind: "unload", name: modelName, dependents: dependents?.value === true });
      return {};
    }),
  ];
}

type LoadParameters = Readonly<
  Record<
    string,
    { readonly parameterChoice: { readonly case: string | undefined; readonly value?: unknown } }
  >
>;

function overrideOf(parameters: LoadParameters): LoadOverride {
  const files = new Map<string, Uint8Array>();
  let config: string | undefined;
  for (const [key, { parameterChoice: choice }] of Object.entries(parameters)) {
    const expected = (type: string): Refusal =>
      invalid(`invalid value type for load parameter '${key}', expected ${type}.`);
    if (key === "config") {
      if (typeof choice.value !== "string") throw expected("string_param");
      config = choice.value;
    } else if (key.startsWith("file:")) {
      if (!(choice.value instanceof Uint8Array)) throw expected("bytes_param");
      files.set(key.slice("file:".length), choice.value);
    } else throw invalid(`unrecognized load parameter '${key}'.`);
  }
  return { ...(config === undefined ? {} : { config }), files };
}

function systemMemory(core: Core): Endpoint[] {
  const { sharedMemory } = core;
  return [
    unary(method.systemSharedMemoryStatus, ({ name }) => ({
      regions: Object.fromEntries(
        sharedMemory.status(name).map((region) => [
          region.name,
          {
            name: region.name,
            key: region.key,
            offset: BigInt(region.offset),
            byteSize: BigInt(region.byteSize),
          },
        ]),
      ),
    })),
    unary(method.systemSharedMemoryRegister, async ({ name, key, offset, byteSize }) => {
      const region = { name, key, offset: Number(offset), byteSize: Number(byteSize) };
      await core.command({ kind: "register", region });
      return {};
    }),
    unary(method.systemSharedMemoryUnregister, async ({ name }) => {
      await core.command({ kind: "unregister", name });
      return {};
    }),
  ];
}

/** As Triton on a machine without CUDA: there is none to register, and none to find. */
function cudaMemory(): Endpoint[] {
  return [
    unary(method.cudaSharedMemoryStatus, ({ name }) => {
      if (name !== "") throw new Refusal("NOT_FOUND", `Unable to find cuda shared memory region: '${name}'`);
      return {};
    }),
    unary(method.cudaSharedMemoryRegister, () => {
      throw invalid("failed to register shared memory region: invalid args");
    }),
    unary(method.cudaSharedMemoryUnregister, () => ({})),
  ];
}

function settings(core: Core): Endpoint[] {
  return [
    unary(method.traceSetting, async ({ modelName, settings: given }) => {
      requireModel(core.registry, modelName);
      const patch = new Map(
        Object.entries(given).map(
          ([key, { value }]) => [key, value.length === 0 ? ("clear" as const) : value] as const,
        ),
      );
      if (patch.size > 0) await core.command({ kind: "trace", model: modelName, patch });
      const report = core.tracer.settings.report(modelName);
      return {
        settings: Object.fromEntries(
          Object.entries(report).map(([key, value]) => [key, { value: [...value] }]),
        ),
      };
    }),
    unary(method.logSettings, async ({ settings: given }) => {
      const values = Object.entries(given).map(([key, setting]) => [key, settingValue(setting)] as const);
      const now = changeLogSettings(core.log.settings, values, GRPC_TEXTS);
      await core.command({ kind: "log", settings: now });
      const bool = (value: boolean) => ({ parameterChoice: { case: "boolParam" as const, value } });
      const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
      const level = {
        parameterChoice: { case: "uint32Param" as const, value: now.log_verbose_level },
      };
      return {
        settings: {
          log_file: text(now.log_file),
          log_info: bool(now.log_info),
          log_warning: bool(now.log_warning),
          log_error: bool(now.log_error),
          log_verbose_level: level,
          log_format: text(now.log_format),
        },
      };
    }),
  ];
}

function settingValue({ parameterChoice: { value } }: LogSettingsRequest_SettingValue): SettingValue {
  return value;
}
