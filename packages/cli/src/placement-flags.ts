import type { Placement } from "@strainflow/repository";
import { type Command, Option } from "commander";
import { flagValue } from "./flag-values.ts";

/** What runs the models of a repository, as flags. */
export interface PlacementFlags {
  readonly backend?: "onnx" | "python";
  readonly instances?: number;
}

/** Adds the flags that say which of Triton's backends runs the models, and how many streams they take at once. */
export function addPlacementFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--backend <name>",
        "what runs the models: Triton's onnxruntime backend, or onnxruntime in its python backend",
      )
        .choices(["onnx", "python"])
        .default(undefined, "onnx"),
    )
    .option("--instances <n>", "copies of each model, one stream each (default: 1)", flagValue.whole(1));
}

export function placementOfFlags({ backend, instances }: PlacementFlags): Placement {
  return {
    ...(backend === undefined ? {} : { backend }),
    ...(instances === undefined ? {} : { instances }),
  };
}
