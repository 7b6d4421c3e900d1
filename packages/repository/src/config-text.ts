import { fromText, toText } from "@bufbuild/protobuf/txtpb";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import { repositoryError } from "./errors.ts";

/** A configuration in protobuf's text format, as a `config.pbtxt` holds it. */
export function formatConfig(config: ModelConfig): string {
  return toText(ModelConfigSchema, config);
}

/**
 * Reads the text of a `config.pbtxt`. Values survive a round trip; comments do not.
 *
 * @param path named in the error, for the reader's sake
 * @throws `bad-model-config` with the place of the fault, where the text cannot be read
 */
export function parseConfig(text: string, path = "config.pbtxt"): ModelConfig {
  try {
    return fromText(ModelConfigSchema, text);
  } catch (cause) {
    throw repositoryError(
      "bad-model-config",
      `${path} cannot be read as a model configuration: ${cause instanceof Error ? cause.message : String(cause)}`,
      { path },
      cause,
    );
  }
}
