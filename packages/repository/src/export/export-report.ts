import type { TensorSpec } from "@strainflow/series";
import { repositoryError } from "../errors.ts";
import { exportTypes } from "./export-input.ts";

/** What the export program tells. */
export interface ExportReport {
  /** Missing where the file says it itself. */
  readonly inputs?: readonly TensorSpec[];
  readonly outputs?: readonly TensorSpec[];
  readonly compared: {
    /** Requests that outputs were compared for, of several batch sizes where the batch is free. */
    readonly requests: number;
    /** Values compared. */
    readonly values: number;
    /** Largest absolute difference. */
    readonly largest: number;
  };
  /** Versions of what took part: `{ python: "3.11.7", torch: "2.8.0" }`. */
  readonly versions: Readonly<Record<string, string>>;
}

const TAGS = ["export-unavailable", "export-failed", "export-mismatch"] as const;

/** Reads the program's answer. @throws what it says went wrong */
export function readReport(name: string, text: string): ExportReport {
  const said: unknown = JSON.parse(text);
  if (!isRecord(said)) throw unreadable(name);
  if (said["ok"] !== true) {
    const tag = TAGS.find((one) => one === said["tag"]) ?? "export-failed";
    throw repositoryError(tag, `${name}: ${String(said["message"])}`, {
      modelName: name,
      ...(said["trace"] === undefined ? {} : { trace: said["trace"] }),
    });
  }
  const { compared, versions, inputs, outputs } = said;
  if (!isRecord(compared) || !isRecord(versions)) throw unreadable(name);
  return {
    ...(Array.isArray(inputs) ? { inputs: inputs.filter(isRecord).map(tensor) } : {}),
    ...(Array.isArray(outputs) ? { outputs: outputs.filter(isRecord).map(tensor) } : {}),
    compared: {
      requests: Number(compared["requests"]),
      values: Number(compared["values"]),
      largest: Number(compared["largest"]),
    },
    versions: Object.fromEntries(Object.entries(versions).map(([key, value]) => [key, String(value)])),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tensor({ name, datatype, shape }: Record<string, unknown>): TensorSpec {
  return {
    name: String(name),
    // The program has a name for every type that it lets through.
    datatype: exportTypes.find((type) => type === datatype) ?? "FP32",
    shape: Array.isArray(shape) ? shape.map(Number) : [],
  };
}

function unreadable(name: string): Error {
  return repositoryError("export-failed", `${name}: the export program's answer cannot be read`, {
    modelName: name,
  });
}
