import type { DynamicBatching, EnsembleScheduling, SequenceBatching } from "./config-scheduling.ts";
import type { Optimization, ResponseCache, VersionPolicy, Warmup } from "./config-serving.ts";

/** Names of data types in `config.pbtxt`; BYTES of the protocol is `TYPE_STRING` there. */
export type ConfigDataType = `TYPE_${
  | "BOOL"
  | `${"" | "U"}INT${8 | 16 | 32 | 64}`
  | `FP${16 | 32 | 64}`
  | "BF16"
  | "STRING"}`;

/** Changes to a configuration; see `editConfig` for how they are merged. */
export interface ConfigChanges {
  /** 0: `dims` are the whole shape. ≥ 1: every tensor has a leading batch dimension that `dims` leave out. */
  readonly maxBatchSize?: number | null;
  /** The older way to name a backend: `onnxruntime_onnx`, `ensemble`, … */
  readonly platform?: string | null;
  /** `onnxruntime`, `python`, … */
  readonly backend?: string | null;
  /** Which version folders are served. Default in Triton: the latest one. */
  readonly versionPolicy?: VersionPolicy | null;
  readonly input?: readonly InputTensor[] | null;
  readonly output?: readonly OutputTensor[] | null;
  /** How many copies of the model run, and where. */
  readonly instanceGroup?: readonly InstanceGroup[] | null;
  /** The file in a version's folder, where it is not the backend's default. */
  readonly defaultModelFilename?: string | null;
  /** By the GPU's compute capability, `"8.0"`: the file that is made for it (TensorRT). */
  readonly ccModelFilenames?: Changes<string>;
  /** Labels of the model's metrics. */
  readonly metricTags?: Changes<string>;
  readonly dynamicBatching?: DynamicBatching | null;
  readonly sequenceBatching?: SequenceBatching | null;
  readonly ensembleScheduling?: EnsembleScheduling | null;
  readonly optimization?: Optimization | null;
  /** Free-form: backends read theirs here (`intra_op_thread_count`, `EXECUTION_ENV_PATH`), strainflow its `strainflow.*`. */
  readonly parameters?: Changes<string | number>;
  /** Made-up requests that are run before the model counts as ready. */
  readonly modelWarmup?: readonly Warmup[] | null;
  /** Libraries of custom operators. */
  readonly modelOperations?: { readonly opLibraryFilename?: readonly string[] | null } | null;
  /** Decoupled: none, one or many responses to a request, at any time; such a model takes streams only. */
  readonly modelTransactionPolicy?: { readonly decoupled?: boolean } | null;
  /** Answers equal requests from memory; the server must have a cache (`--cache-config`). Not with sequences. */
  readonly responseCache?: ResponseCache | null;
}

/** Entries of a map; `null` takes one out. */
export type Changes<T> = Readonly<Record<string, T | null>> | null;

export interface InputTensor {
  readonly name: string;
  readonly dataType: ConfigDataType;
  /** −1: any size. */
  readonly dims: readonly number[];
  readonly format?: "FORMAT_NONE" | "FORMAT_NHWC" | "FORMAT_NCHW";
  /** Shape that the model sees, where it differs from what clients send. */
  readonly reshape?: { readonly shape: readonly number[] };
  readonly isShapeTensor?: boolean;
  readonly allowRaggedBatch?: boolean;
  /** A request may leave it out. */
  readonly optional?: boolean;
}

export interface OutputTensor {
  readonly name: string;
  readonly dataType: ConfigDataType;
  /** −1: any size. */
  readonly dims: readonly number[];
  readonly reshape?: { readonly shape: readonly number[] };
  /** File with one name per line, for classification. */
  readonly labelFilename?: string;
  readonly isShapeTensor?: boolean;
}

export interface InstanceGroup {
  readonly name?: string;
  /** Copies, per GPU on `KIND_GPU`. */
  readonly count?: number;
  /** `KIND_GPU` fails the load where there is no GPU; `KIND_AUTO` takes one where there is. */
  readonly kind?: "KIND_AUTO" | "KIND_GPU" | "KIND_CPU" | "KIND_MODEL";
  /** Indexes of GPUs. Default: all. */
  readonly gpus?: readonly number[];
  /** Optimisation profiles (TensorRT). */
  readonly profile?: readonly string[];
  /** What an instance takes hold of while it runs, with `--rate-limit=execution_count`. */
  readonly rateLimiter?: {
    readonly resources?: readonly {
      readonly name: string;
      readonly count: number;
      /** Shared by all GPUs, not one lot per GPU. */
      readonly global?: boolean;
    }[];
    /** An instance of priority 2 is given half the turns of one of priority 1. */
    readonly priority?: number;
  };
  /** Loaded, and never given a request. */
  readonly passive?: boolean;
  readonly hostPolicy?: string;
}
