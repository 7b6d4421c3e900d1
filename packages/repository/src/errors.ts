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
  | "bad-network";

export function repositoryError(
  tag: RepositoryErrorTag,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): StrainflowError {
  return new StrainflowError(tag, message, { details, ...(cause === undefined ? {} : { cause }) });
}
