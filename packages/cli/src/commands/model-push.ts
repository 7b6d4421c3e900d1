import { openRepository } from "@strainflow/repository";
import { openStore } from "@strainflow/stores";
import type { Command } from "commander";
import { afterHelp } from "../help-style.ts";
import { addStoreFlags, openStoreOf, type StoreFlags } from "../store-flags.ts";
import { type TransferFlags, transferAndTell } from "../transfer-models.ts";

const EXAMPLE = `
Examples:
  $ strainflow model push models s3://bucket/production
  $ strainflow model push models s3://https://minio.example.org:9000/bucket/production detector-stream
  $ strainflow model push models gs://bucket/production --dry-run

Credentials come from where the cloud's own tools look for them. What an ensemble is made of goes with it. Files whose
checksums agree are not sent, and a model is exchanged whole or not at all; models that only the store has stay there.`;

/** `strainflow model push` */
export function addModelPush(model: Command): void {
  addStoreFlags(
    model
      .command("push")
      .description("copy models of a folder into a store: S3, Google Cloud Storage, another folder")
      .argument("<repository>", "folder of a model repository")
      .argument(
        "<url>",
        "s3://bucket/prefix, s3://https://host:port/bucket/prefix, gs://bucket/prefix, a folder",
      )
      .argument("[models...]", "which (default: all)")
      .option("--dry-run", "compare, and send nothing")
      .option("--json", "one JSON object per model on stdout, and a summary last"),
  )
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(push);
}

async function push(
  repository: string,
  url: string,
  models: readonly string[],
  flags: StoreFlags & TransferFlags,
): Promise<void> {
  // A folder that is not there is told of before anybody is asked for credentials.
  await openRepository(repository);
  const from = await openStore(repository);
  const to = await openStoreOf(url, flags);
  try {
    await transferAndTell(from, to, models, flags);
  } finally {
    await to.close();
  }
}
