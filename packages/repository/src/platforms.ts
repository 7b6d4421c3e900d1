/** What runs a model, by Triton's names; `python`, `dali` and `openvino` are backends without a platform's name. */
export type Platform =
  | "onnxruntime_onnx"
  | "pytorch_libtorch"
  | "tensorflow_savedmodel"
  | "tensorflow_graphdef"
  | "tensorrt_plan"
  | "openvino"
  | "dali"
  | "python"
  | "ensemble";

/** How a platform stands in a configuration, and what it looks for in a version's folder. */
export interface PlatformFacts {
  /** The field of `config.pbtxt` that names it. */
  readonly field: "platform" | "backend";
  /** Its backend, as `backend` of `config.pbtxt` would name it; ensembles have none. */
  readonly backend: string;
  /** Default file, or folder, in a version's folder. Ensembles have none. */
  readonly file?: string;
  readonly isFolder?: boolean;
  /** Whether it runs on GPUs only. */
  readonly needsGpu?: boolean;
  /** The parameter that limits the threads of one run. */
  readonly threads?: string;
}

export const platforms: Readonly<Record<Platform, PlatformFacts>> = {
  onnxruntime_onnx: {
    field: "platform",
    backend: "onnxruntime",
    file: "model.onnx",
    threads: "intra_op_thread_count",
  },
  pytorch_libtorch: {
    field: "platform",
    backend: "pytorch",
    file: "model.pt",
    threads: "INTRA_OP_THREAD_COUNT",
  },
  tensorflow_savedmodel: {
    field: "platform",
    backend: "tensorflow",
    file: "model.savedmodel",
    isFolder: true,
    threads: "TF_NUM_INTRA_THREADS",
  },
  tensorflow_graphdef: {
    field: "platform",
    backend: "tensorflow",
    file: "model.graphdef",
    threads: "TF_NUM_INTRA_THREADS",
  },
  tensorrt_plan: { field: "platform", backend: "tensorrt", file: "model.plan", needsGpu: true },
  openvino: { field: "backend", backend: "openvino", file: "model.xml" },
  dali: { field: "backend", backend: "dali", file: "model.dali" },
  python: { field: "backend", backend: "python", file: "model.py" },
  ensemble: { field: "platform", backend: "" },
};

/** The platform that a configuration names, by either field; undefined where it names none that is known. */
export function platformOf(config: {
  readonly platform: string;
  readonly backend: string;
}): Platform | undefined {
  const all = Object.entries(platforms) as [Platform, PlatformFacts][];
  return all.find(([platform, { backend, field }]) =>
    config.platform !== ""
      ? config.platform === platform && field === "platform"
      : config.backend !== "" && config.backend === backend,
  )?.[0];
}
