import { openStore } from "@strainflow/stores";
import type { Command } from "commander";
import { afterHelp } from "../help-style.ts";
import { addStoreFlags, openStoreOf, type StoreFlags } from "../store-flags.ts";
import { type TransferFlags, transferAndTell } from "../transfer-models.ts";

const EXAMPLE = `
Examples:
  $ strainflow model pull s3://bucket/production models
  $ strainflow model pull gs://bucket/production models detector-stream --dry-run

Each model takes its place in the folder at once, when all of it has arrived. What an ensemble is made of comes with it.`;

/** `strainflow model pull` */
export function addModelPull(model: Command): void {
  addStoreFlags(
    model
      .command("pull")
      .description("copy models of a store into a folder")
      .argument(
        "<url>",
        "s3://bucket/prefix, s3://https://host:port/bucket/prefix, gs://bucket/prefix, a folder",
      )
      .argument("<repository>", "folder of a model repository; made if it is not there")
      .argument("[models...]", "which (default: all)")
      .option("--dry-run", "compare, and write nothing")
      .option("--json", "one JSON object per model on stdout, and a summary last"),
  )
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(pull);
}

async function pull(
  url: string,
  repository: string,
  models: readonly string[],
  flags: StoreFlags & TransferFlags,
): Promise<void> {
  const from = await openStoreOf(url, flags);
  try {
    await transferAndTell(from, await openStore(repository), models, flags);
  } finally {
    await from.close();
  }
}
