import { StrainflowError } from "@strainflow/series";

/** Tags of the errors that this package raises. */
export type RepositoryErrorTag =
  /** A name that could leave the repository, or that a server would not take. */
  | "bad-model-name"
  /** The model is there already, and nobody said to replace it. */
  | "model-exists"
  /** No such model, or it has no configuration. */
  | "no-model"
  /** A `config.pbtxt` that cannot be read. */
  | "bad-model-config"
  /** Bytes that are not an ONNX model, or one whose tensors do not fit what is asked of it. */
  | "bad-network"
  /** Files that are not those that a platform loads. */
  | "bad-source"
  /** Tensors of an ensemble that do not fit together. */
  | "bad-ensemble"
  /** Something that an export needs is not in the user's environment. */
  | "export-unavailable"
  /** A framework, or TensorRT, could not export a network. */
  | "export-failed"
  /** What was exported does not do what the network does, or not what the model in the repository does. */
  | "export-mismatch"
  /** A TensorRT plan that the server's TensorRT or GPU cannot run. */
  | "plan-mismatch";

export function repositoryError(
  tag: RepositoryErrorTag,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): StrainflowError {
  return new StrainflowError(tag, message, { details, ...(cause === undefined ? {} : { cause }) });
}
