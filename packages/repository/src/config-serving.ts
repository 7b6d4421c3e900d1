import type { ConfigDataType } from "./config-changes.ts";

/** Which version folders are served: one of the three. */
export interface VersionPolicy {
  readonly latest?: { readonly numVersions: number };
  readonly all?: Readonly<Record<never, never>>;
  readonly specific?: { readonly versions: readonly number[] };
}

export interface ResponseCache {
  readonly enable: boolean;
}

/** One made-up request, run `count` times. */
export interface Warmup {
  readonly name: string;
  /** 0 where the model has no batch dimension. */
  readonly batchSize?: number;
  /** By the input's name. */
  readonly inputs: Readonly<
    Record<
      string,
      {
        readonly dataType: ConfigDataType;
        readonly dims: readonly number[];
        readonly zeroData?: boolean;
        readonly randomData?: boolean;
        /** A file in `warmup/` of the model's folder. */
        readonly inputDataFile?: string;
      }
    >
  >;
  /** Default 1. */
  readonly count?: number;
}

/** How a backend makes a model faster. */
export interface Optimization {
  /** −1: basic, 0: the backend's default, 1: extended (onnxruntime). */
  readonly graph?: { readonly level?: number | null } | null;
  readonly priority?: "PRIORITY_DEFAULT" | "PRIORITY_MAX" | "PRIORITY_MIN" | null;
  readonly cuda?: {
    /** Record the run once and play it back: for models of fixed shapes. */
    readonly graphs?: boolean | null;
    /** Wait for the GPU by asking it all the time: fast, and a core of its own. */
    readonly busyWaitEvents?: boolean | null;
    readonly graphSpec?: readonly CudaGraph[] | null;
    /** A stream of its own for copying outputs. */
    readonly outputCopyStream?: boolean | null;
  } | null;
  /** In order of preference: `{ name: "tensorrt", parameters: { precision_mode: "FP16" } }`. */
  readonly executionAccelerators?: {
    readonly gpuExecutionAccelerator?: readonly Accelerator[] | null;
    readonly cpuExecutionAccelerator?: readonly Accelerator[] | null;
  } | null;
  readonly inputPinnedMemory?: { readonly enable: boolean } | null;
  readonly outputPinnedMemory?: { readonly enable: boolean } | null;
  /** Tensors from which on inputs are gathered by a kernel of their own. */
  readonly gatherKernelBufferThreshold?: number | null;
  readonly eagerBatching?: boolean | null;
}

export interface Accelerator {
  /** `tensorrt`, `openvino`, `auto_mixed_precision`, … */
  readonly name: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A shape whose run is recorded. */
export interface CudaGraph {
  readonly batchSize?: number;
  readonly input?: Readonly<Record<string, { readonly dim: readonly number[] }>>;
  readonly graphLowerBound?: {
    readonly batchSize?: number;
    readonly input?: Readonly<Record<string, { readonly dim: readonly number[] }>>;
  };
}
