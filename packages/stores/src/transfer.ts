import { checkModelName, checkModelPath, parseConfig } from "@strainflow/repository";
import { isStrainflowError, StrainflowError } from "@strainflow/series";
import { storeError } from "./errors.ts";
import { md5Of } from "./md5.ts";
import type { FileSummary, Store } from "./store.ts";

export interface TransferOptions {
  readonly from: Store;
  readonly to: Store;
  /** Default: every model of `from`. The models that an ensemble is made of come with it. */
  readonly models?: readonly string[];
  /** Compare, and change nothing. */
  readonly dryRun?: boolean;
  /** Stops between two files; the model that was under way is then as it was. */
  readonly signal?: AbortSignal;
  /** Called for each model before it is sent, and again, as `done`, when it is in place or was found equal. */
  readonly onModel?: (transfer: ModelTransfer, done: boolean) => void;
  /** Called after each file has been sent. */
  readonly onSent?: (model: string, path: string, size: number) => void;
}

export interface FileTransfer {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** `same` where checksum and size agree: it is not sent. `removed`: not in `from` any more. */
  readonly action: "new" | "changed" | "same" | "removed";
}

export interface ModelTransfer {
  readonly model: string;
  readonly files: readonly FileTransfer[];
  /** Whether there is anything to do. */
  readonly differs: boolean;
}

/**
 * Copies models from one store to another, one at a time and each whole or not at all; files whose checksums agree are
 * not sent. What an ensemble is made of goes before it, so that a server that polls never finds it without its parts.
 *
 * One model at a time is held in memory.
 *
 * @throws `no-model`; `bad-model-name` for a file whose path would leave the model's folder; `store-damaged` for one
 * that changed on the way; what the stores throw
 */
export async function transferModels(options: TransferOptions): Promise<readonly ModelTransfer[]> {
  const { from, to, dryRun = false, signal } = options;
  const done: ModelTransfer[] = [];
  for (const model of await inOrder(from, options.models)) {
    signal?.throwIfAborted();
    const source = await summaryOf(from, model);
    const target = await to.summary(model);
    const transfer = compare(model, source, target);
    options.onModel?.(transfer, false);
    if (transfer.differs && !dryRun) {
      const files: Record<string, Uint8Array> = {};
      for (const { path, action } of transfer.files) {
        if (action === "removed") continue;
        signal?.throwIfAborted();
        // What both have is read where that costs nothing.
        const near = action === "same" && to.kind === "folder" ? to : from;
        files[path] = await contentsOf(near, model, path, source.get(path));
      }
      const { onSent } = options;
      await to.put(model, files, {
        ...(signal === undefined ? {} : { signal }),
        ...(onSent === undefined
          ? {}
          : { onSent: (path: string, size: number) => onSent(model, path, size) }),
      });
    }
    options.onModel?.(transfer, true);
    done.push(transfer);
  }
  return done;
}

async function summaryOf(store: Store, model: string): Promise<ReadonlyMap<string, FileSummary>> {
  const found = await store.summary(checkModelName(model));
  if (found !== undefined) return found;
  const there = await store.list();
  throw new StrainflowError(
    "no-model",
    `${store.url} holds no model ${model}; it has ${there.length === 0 ? "none" : there.join(", ")}`,
    { details: { modelName: model, url: store.url } },
  );
}

function compare(
  model: string,
  source: ReadonlyMap<string, FileSummary>,
  target: ReadonlyMap<string, FileSummary> = new Map(),
): ModelTransfer {
  const files = [...source].map(([path, { size, md5 }]): FileTransfer => {
    checkModelPath(path);
    const there = target.get(path);
    const same = there !== undefined && there.size === size && md5 !== undefined && there.md5 === md5;
    return { path, size, action: there === undefined ? "new" : same ? "same" : "changed" };
  });
  for (const [path, { size }] of target) if (!source.has(path)) files.push({ path, size, action: "removed" });
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { model, files, differs: files.some(({ action }) => action !== "same") };
}

async function contentsOf(
  store: Store,
  model: string,
  path: string,
  expected: FileSummary | undefined,
): Promise<Uint8Array> {
  if (path.endsWith("/")) return new Uint8Array();
  const contents = await store.read(model, path);
  if (contents === undefined)
    throw storeError(
      "store-damaged",
      `${store.url}: ${model}/${path} was listed, but cannot be read: it was removed meanwhile, or is a link to a folder`,
      { modelName: model, path },
    );
  const whole = contents.length === expected?.size;
  if (!whole || (store.kind === "folder" && expected.md5 !== md5Of(contents)))
    throw storeError(
      "store-damaged",
      `${store.url}: ${model}/${path} changed while it was read (${contents.length} bytes of ${expected?.size ?? 0}); ` +
        "try again when nobody writes to it",
      { modelName: model, path },
    );
  return contents;
}

/** The models that are asked for with those that they are made of, parts first. */
async function inOrder(store: Store, asked: readonly string[] | undefined): Promise<readonly string[]> {
  const order = new Set<string>();
  const visit = async (model: string, through: readonly string[]): Promise<void> => {
    if (order.has(model) || through.includes(model)) return;
    for (const part of await partsOf(store, model)) {
      if ((await store.files(checkModelName(part))) === undefined)
        throw new StrainflowError(
          "no-model",
          `${store.url}: ensemble ${model} is made of ${part}, which is not there; add it, or remove the ensemble`,
          { details: { modelName: part, ensemble: model, url: store.url } },
        );
      await visit(part, [...through, model]);
    }
    order.add(model);
  };
  const wanted = asked ?? (await store.list());
  if (wanted.length === 0)
    throw new StrainflowError("no-model", `${store.url} holds no models`, { details: { url: store.url } });
  for (const model of wanted) await visit(checkModelName(model), []);
  return [...order];
}

async function partsOf(store: Store, model: string): Promise<readonly string[]> {
  const text = await store.read(model, "config.pbtxt");
  if (text === undefined) return [];
  try {
    const { schedulingChoice } = parseConfig(new TextDecoder().decode(text), `${model}/config.pbtxt`);
    return schedulingChoice.case === "ensembleScheduling"
      ? schedulingChoice.value.step.map(({ modelName }) => modelName)
      : [];
  } catch (error) {
    // What cannot be read has no parts that we know of; it is carried as it is.
    if (isStrainflowError(error, "bad-model-config")) return [];
    throw error;
  }
}
