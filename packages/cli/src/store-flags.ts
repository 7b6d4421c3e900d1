import { readFile } from "node:fs/promises";
import { StrainflowError } from "@strainflow/series";
import { openStore, type Store } from "@strainflow/stores";
import type { Command } from "commander";

/** How a store is reached, where its URL does not say it. */
export interface StoreFlags {
  readonly region?: string;
  readonly ca?: string;
  readonly anonymous?: boolean;
  readonly instanceCredentials?: boolean;
}

/** Adds the flags of a command that goes to a store. */
export function addStoreFlags(command: Command): Command {
  return command
    .option("--region <name>", "region of an S3 store (default: AWS_REGION, else the profile's)")
    .option("--ca <file>", "certificates to trust, PEM (default: AWS_CA_BUNDLE)")
    .option("--anonymous", "go without credentials")
    .option("--instance-credentials", "ask the machine's own service for credentials");
}

/** Opens a store; what it needs of connections is let go of when it is disposed. */
export async function openStoreOf(url: string, flags: StoreFlags): Promise<Store> {
  const { region, anonymous, instanceCredentials } = flags;
  const ca = flags.ca ?? process.env["AWS_CA_BUNDLE"];
  return openStore(url, {
    ...(region === undefined ? {} : { region }),
    ...(anonymous === undefined ? {} : { anonymous }),
    ...(instanceCredentials === undefined ? {} : { instanceCredentials }),
    ...(ca === undefined ? {} : { ca: await certificates(ca) }),
  });
}

async function certificates(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new StrainflowError("file-not-found", `${path}: there are no certificates to read (--ca)`, {
      details: { path },
    });
  }
}
