import { StrainflowError } from "@strainflow/series";
import type { Command } from "commander";
import { afterHelp } from "../help-style.ts";
import { addStoreFlags, openStoreOf, type StoreFlags } from "../store-flags.ts";
import { tableLines } from "../table.ts";
import { createTerminal } from "../terminal.ts";
import { formatBytes } from "../units.ts";

interface ListFlags extends StoreFlags {
  readonly json?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow model list models
  $ strainflow model list s3://bucket/production`;

/** `strainflow model list` */
export function addModelList(model: Command): void {
  addStoreFlags(
    model
      .command("list")
      .description("the models of a folder or a store, with their versions and sizes")
      .argument("<url>", "a folder, s3://bucket/prefix, gs://bucket/prefix")
      .option("--json", "one JSON object per model on stdout"),
  )
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(list);
}

async function list(url: string, flags: ListFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const store = await openStoreOf(url, flags);
  try {
    const rows: string[][] = [];
    for (const name of await store.list()) {
      const summary = (await store.summary(name)) ?? new Map();
      const versions = [...new Set([...summary.keys()].map((path) => path.split("/")[0] ?? ""))]
        .filter((part) => /^[1-9]\d*$/.test(part))
        .sort((a, b) => Number(a) - Number(b));
      let size = 0;
      for (const file of summary.values()) size += file.size;
      terminal.record({ type: "model", model: name, versions, files: summary.size, bytes: size });
      rows.push([name, versions.join(", ") || "–", String(summary.size), formatBytes(size)]);
    }
    if (rows.length === 0)
      throw new StrainflowError(
        "no-model",
        `${url} holds no models; put some there with \`strainflow model push\``,
      );
    const head = [
      { head: "model" },
      { head: "versions" },
      { head: "files", numeric: true },
      { head: "size", numeric: true },
    ];
    for (const line of tableLines(head, rows, terminal.columns)) if (!terminal.json) terminal.line(line);
  } finally {
    await store.close();
  }
}
