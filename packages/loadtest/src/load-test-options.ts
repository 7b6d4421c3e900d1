import type { ConnectOptions, ParameterValue } from "@strainflow/triton";
import type { CheckChoice } from "./check-answer.ts";
import type { Tolerance } from "./compare-tensors.ts";
import type { HandlerCheck } from "./handler-target.ts";
import type { LevelResult } from "./level-result.ts";
import type { Load } from "./load.ts";
import type { SubjectFacts } from "./load-test-result.ts";
import type { LevelProgress, MeasureOptions } from "./measure-level.ts";
import type { SequenceOptions } from "./sequence-plan.ts";

/** Where the inputs come from. */
export type InputSource =
  /** The default: one request's worth of random numbers, the same for all requests. */
  | { readonly kind: "random" }
  | { readonly kind: "zero" }
  /** A file in perf_analyzer's format. */
  | { readonly kind: "json"; readonly path: string }
  /** Arrays, by input; and by output, what the answers must be. */
  | {
      readonly kind: "npy";
      readonly inputs: Readonly<Record<string, string>>;
      readonly expected?: Readonly<Record<string, string>>;
    };

/** A model on a server of Triton's protocol. */
export interface ModelUnderLoad {
  /** That is a handler's. */
  readonly url?: never;
  /** As for `connect`: `grpc://host:port`, `http://host:port`. */
  readonly server: string;
  readonly model: string;
  readonly version?: string;
  /** Requests go over one stream per generator. Default: where the model is decoupled, which answers nothing else. */
  readonly streaming?: boolean;
  readonly connect?: ConnectOptions;
  readonly inputs?: InputSource;
  /** Sizes for open dimensions, by input, without the batch. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** Rows of a request. Default 1. */
  readonly batchSize?: number;
  /** Default "auto": where the model, or a step of the ensemble, batches sequences. */
  readonly sequences?: SequenceOptions | boolean | "auto";
  readonly check?: CheckChoice;
  /** For "expected" and "first". Default: none, to the last bit. */
  readonly tolerance?: Tolerance;
  /** Outputs that are asked for. Default: all. */
  readonly outputs?: readonly string[];
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
}

/** An HTTP handler, of whatever kind. */
export interface HandlerUnderLoad {
  /** Those are a model's. */
  readonly server?: never;
  readonly model?: never;
  readonly url: string;
  /** Default "POST" where there is a body, else "GET". */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whom we trust, and who we are, at an `https://`. */
  readonly tls?: Pick<ConnectOptions, "rootCertificates" | "clientCertificate" | "clientKey" | "serverName">;
  /** JSON (anything that is no bytes) or bytes. */
  readonly body?: unknown;
  /** Several, in turn, instead of `body`. */
  readonly bodies?: readonly unknown[];
  /** What the answer to each body must be, byte by byte. */
  readonly expected?: readonly (string | Uint8Array)[];
  readonly check?: "expected" | "first" | "none" | HandlerCheck;
  /** Connections of each generator. Default: as many as the load has under way, at most 256 where it is a rate. */
  readonly connections?: number;
}

/** Latency that must not be exceeded. */
export interface LatencyGoal {
  readonly latencyMs: number;
  /** Default 99. */
  readonly percentile?: number;
}

export interface LoadTestOptions extends MeasureOptions {
  readonly target: ModelUnderLoad | HandlerUnderLoad;
  /** One after the other. With a goal and `search: "linear"`, up to the first that misses it. */
  readonly loads: readonly Load[];
  readonly goal?: LatencyGoal;
  /** How the highest load that meets the goal is looked for. Default "binary"; "linear" measures all below it. */
  readonly search?: "binary" | "linear";
  /** Processes that send. Default 1. "auto": a load that one is too slow for is measured again with more. */
  readonly processes?: number | "auto";
  /** Requests under way at a time where the load is a rate, of all processes together. Default 1024. */
  readonly maxInFlight?: number;
  /** Milliseconds that a request may take. Default 30 000. */
  readonly timeoutMs?: number;
  /** Of random inputs, Poisson arrivals and lengths of sequences. Default 1: the same test twice is the same. */
  readonly seed?: number;
  /** Ends the test; what was measured until then is its result. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LevelProgress) => void;
  /** Each level when it is done. */
  readonly onLevel?: (level: LevelResult, subject: SubjectFacts) => void;
}
