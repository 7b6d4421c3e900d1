import { GRPCInferenceService, type LogSettingsResponse } from "@strainflow/proto";
import { type CallOptions, callLimits } from "./call-options.ts";
import type { Servers } from "./transport/servers.ts";

/** Trace settings by their names (`trace_level`, `trace_rate`, `trace_count`, `log_frequency`, …), values as texts. */
export type TraceSettings = Readonly<Record<string, readonly string[]>>;

/** Log settings by their names (`log_info`, `log_verbose_level`, `log_format`, …). */
export type LogSettings = Readonly<Record<string, boolean | number | string>>;

/** What a server traces and logs; changes are made on each, where there are several. */
export interface ServerSettings {
  /** Of one of the servers. @param modelName of this model; default: those that hold for all */
  trace(modelName?: string, options?: CallOptions): Promise<TraceSettings>;
  /** @param changes `null` sets a setting back: to the server's where a model is named, else to what it began with */
  changeTrace(
    changes: Readonly<Record<string, string | readonly string[] | null>>,
    modelName?: string,
    options?: CallOptions,
  ): Promise<void>;
  /** Of one of the servers. */
  log(options?: CallOptions): Promise<LogSettings>;
  changeLog(changes: LogSettings, options?: CallOptions): Promise<void>;
}

const { traceSetting, logSettings } = GRPCInferenceService.method;

export function createServerSettings(servers: Servers, callTimeoutMs: number): ServerSettings {
  return {
    async trace(modelName = "", options = {}) {
      const limits = callLimits(options, callTimeoutMs);
      const { settings } = await servers.ask((link) => link.call(traceSetting, { modelName }, limits));
      return Object.fromEntries(Object.entries(settings).map(([name, { value }]) => [name, value]));
    },
    async changeTrace(changes, modelName = "", options = {}) {
      const settings = Object.fromEntries(
        Object.entries(changes).map(([name, value]) => [name, { value: traceValues(value) }]),
      );
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(traceSetting, { modelName, settings }, limits));
    },
    async log(options) {
      const limits = callLimits(options, callTimeoutMs);
      return readLog(await servers.ask((link) => link.call(logSettings, {}, limits)));
    },
    async changeLog(changes, options) {
      const settings = Object.fromEntries(
        Object.entries(changes).map(([name, value]) => [name, { parameterChoice: logChoice(value) }]),
      );
      const limits = callLimits(options, callTimeoutMs);
      await servers.tell((link) => link.call(logSettings, { settings }, limits));
    },
  };
}

function traceValues(value: string | readonly string[] | null): string[] {
  if (value === null) return [];
  return typeof value === "string" ? [value] : [...value];
}

function readLog({ settings }: LogSettingsResponse): LogSettings {
  const found: Record<string, boolean | number | string> = {};
  for (const [name, { parameterChoice }] of Object.entries(settings))
    if (parameterChoice.value !== undefined) found[name] = parameterChoice.value;
  return found;
}

function logChoice(
  value: boolean | number | string,
):
  | { readonly case: "boolParam"; readonly value: boolean }
  | { readonly case: "uint32Param"; readonly value: number }
  | { readonly case: "stringParam"; readonly value: string } {
  if (typeof value === "boolean") return { case: "boolParam", value };
  return typeof value === "number" ? { case: "uint32Param", value } : { case: "stringParam", value };
}
