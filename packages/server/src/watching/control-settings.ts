import type { JsonValue } from "@bufbuild/protobuf";
import { invalid, Refusal } from "../refusal.ts";
import type { LogSettings } from "./server-log.ts";

/** A log setting as it came, of whatever kind. */
export type SettingValue = boolean | number | string | null | undefined;

/** How a transport refuses values that are not what they should be: Triton's words differ between its two. */
export interface SettingTexts {
  notBoolean(key: string): Refusal;
  notUnsigned(key: string): Refusal;
  notString(key: string): Refusal;
  badFormat(value: string): Refusal;
  /** Values of `null` and no kind are passed over. */
  readonly skipsNull: boolean;
}

export const GRPC_TEXTS: SettingTexts = {
  notBoolean: (key) => invalid(`expect boolean for '${key}'`),
  notUnsigned: (key) => invalid(`expect int32 for '${key}'`),
  notString: (key) => invalid(`expect string for '${key}'`),
  badFormat: (value) => invalid(`invalid argument for log_format, got: ${value}`),
  skipsNull: false,
};

export const JSON_TEXTS: SettingTexts = {
  notBoolean: () => new Refusal("INTERNAL", "attempt to access JSON non-boolean as boolean"),
  notUnsigned: () =>
    new Refusal("INTERNAL", "attempt to access JSON non-unsigned-integer as unsigned-integer"),
  notString: () => new Refusal("INTERNAL", "attempt to access JSON non-string as string"),
  badFormat: (value) => new Refusal("UNAVAILABLE", `invalid argument for --log_format, got: ${value}`),
  skipsNull: true,
};

/** The log settings after a change; all or nothing. @throws Refusal in Triton's words */
export function changeLogSettings(
  now: LogSettings,
  given: Iterable<readonly [string, SettingValue]>,
  texts: SettingTexts,
): LogSettings {
  const change: { -readonly [K in keyof LogSettings]?: LogSettings[K] } = {};
  for (const [key, value] of given) {
    if (key === "log_file")
      throw new Refusal("UNIMPLEMENTED", "log file location can not be updated through network protocol");
    if (texts.skipsNull && value === null) continue;
    switch (key) {
      case "log_info":
      case "log_warning":
      case "log_error":
        if (typeof value !== "boolean") throw texts.notBoolean(key);
        change[key] = value;
        break;
      case "log_verbose_level":
        if (typeof value !== "number" || !Number.isInteger(value) || value < 0) throw texts.notUnsigned(key);
        change.log_verbose_level = value;
        break;
      case "log_format":
        if (typeof value !== "string") throw texts.notString(key);
        if (value !== "default" && value !== "ISO8601") throw texts.badFormat(value.slice(0, 100));
        change.log_format = value;
        break;
      // What is unknown is passed over, as in Triton.
    }
  }
  return { ...now, ...change };
}

/** A trace setting of a JSON request as its values. @throws Refusal in Triton's words */
export function traceValues(key: string, value: JsonValue): readonly string[] | "clear" {
  if (value === null) return "clear";
  if (key === "trace_level") {
    if (!Array.isArray(value)) throw new Refusal("INTERNAL", "attempt to access JSON non-array as array");
    return value.map((level) => {
      if (typeof level !== "string") throw JSON_TEXTS.notString(key);
      return level;
    });
  }
  if (typeof value !== "string" && KNOWN.has(key)) throw JSON_TEXTS.notString(key);
  return [String(value)];
}

const KNOWN: ReadonlySet<string> = new Set(["trace_rate", "trace_count", "log_frequency", "trace_file"]);
