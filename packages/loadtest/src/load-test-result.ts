import type { LevelResult } from "./level-result.ts";

/** What was under load. */
export interface SubjectFacts {
  readonly kind: "model" | "handler";
  /** `net on grpc://127.0.0.1:8001`, or the handler's URL. */
  readonly name: string;
  readonly address: string;
  readonly model?: string;
  readonly version?: string;
  readonly server?: string;
  readonly protocol: "grpc" | "grpc-stream" | "http";
  readonly batchSize: number;
  readonly sequences: boolean;
}

export interface LoadTestResult {
  readonly subject: SubjectFacts;
  /** UTC, ISO 8601. */
  readonly startedUtc: string;
  readonly goal?: { readonly percentile: number; readonly latencyMs: number };
  /** In the order in which they were measured. */
  readonly levels: readonly LevelResult[];
  /** Place in `levels` of the highest load that met the goal; absent without a goal, or where none met it. */
  readonly best?: number;
  /** It was stopped before it was done. */
  readonly stopped: boolean;
}
