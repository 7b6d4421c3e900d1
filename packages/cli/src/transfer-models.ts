import { type ModelTransfer, type Store, transferModels } from "@strainflow/stores";
import { interruptible } from "./interrupt.ts";
import { createTerminal, type Terminal } from "./terminal.ts";
import { formatBytes } from "./units.ts";

export interface TransferFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const STOPPING = "stopping: the model that is under way stays as it was (press Ctrl-C again to end at once)";

/** Copies models between two stores, and tells how it goes. */
export async function transferAndTell(
  from: Store,
  to: Store,
  models: readonly string[],
  flags: TransferFlags,
): Promise<void> {
  const { dryRun = false } = flags;
  const terminal = createTerminal({ json: flags.json === true });
  terminal.say("from", from.url);
  terminal.say("to", dryRun ? `${to.url} (compared only: --dry-run)` : to.url);
  let [sent, total] = [0, 0];
  const done = await interruptible(
    (signal) =>
      transferModels({
        from,
        to,
        ...(models.length === 0 ? {} : { models }),
        dryRun,
        signal,
        onModel: (transfer, finished) => {
          [sent, total] = [0, volumeOf(transfer)];
          if (finished) tell(terminal, transfer, dryRun);
        },
        onSent: (model, path, size) => {
          sent += size;
          terminal.progress(`  ${model.padEnd(10)}  ${formatBytes(sent)} of ${formatBytes(total)}   ${path}`);
        },
      }),
    (text) => terminal.warn(text),
    STOPPING,
  );
  const changed = done.filter(({ differs }) => differs);
  const volume = changed.reduce((sum, transfer) => sum + volumeOf(transfer), 0);
  terminal.say(
    dryRun ? "would send" : "sent",
    `${changed.length} of ${done.length} models, ${formatBytes(volume)}${changed.length < done.length ? "; the others are there already" : ""}`,
  );
  terminal.record({
    type: "transferred",
    dryRun,
    from: from.url,
    to: to.url,
    models: done.length,
    changed: changed.length,
    bytes: volume,
  });
}

/** Bytes to send: what is equal stays where it is. */
function volumeOf({ files }: ModelTransfer): number {
  return files.reduce(
    (sum, { size, action }) => (action === "new" || action === "changed" ? sum + size : sum),
    0,
  );
}

function tell(terminal: Terminal, transfer: ModelTransfer, dryRun: boolean): void {
  const { model, files, differs } = transfer;
  terminal.record({ type: "model", model, differs, dryRun, files });
  if (!differs) return terminal.line(`  = ${model}`);
  terminal.line(
    `  ${files.some(({ action }) => action === "same" || action === "changed") ? "~" : "+"} ${model}`,
  );
  const signs = { new: "+", changed: "~", removed: "-", same: "=" } as const;
  for (const { path, size, action } of files)
    terminal.line(`      ${signs[action]} ${path}${path.endsWith("/") ? "" : `   ${formatBytes(size)}`}`);
}
