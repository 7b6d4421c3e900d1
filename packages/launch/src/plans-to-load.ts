import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelRepository } from "@strainflow/repository";
import { isRemote } from "./triton-arguments.ts";

/** TensorRT plans that a server is to load. */
export interface PlansToLoad extends AsyncDisposable {
  /** Their models, sorted. */
  readonly models: readonly string[];
  /** Where they lie; opened only where there are any. */
  open(): Promise<ModelRepository>;
}

/** Longest silence of a store, in milliseconds: a start is not held up for long by what is only a look ahead. */
const STORE_MS = 10_000;

const NONE: PlansToLoad = {
  models: [],
  open: () => Promise.reject(new Error("there are no plans")),
  [Symbol.asyncDispose]: async () => undefined,
};

/**
 * Finds the plans that a server loads at its start, by the configurations' text. In a store they are found with the
 * credentials of this process; where these do not do, and where it is one that we have no client for (`as://`), there are
 * none to be found, and the server meets them itself.
 *
 * @param warn that a store cannot be looked into
 */
export async function plansToLoad(
  repository: string,
  serverArgs: readonly string[],
  warn: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<PlansToLoad> {
  const isLoaded = loadedBy(serverArgs);
  if (!isRemote(repository)) {
    const models = readdirSync(repository, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith(".") && !entry.isFile())
      .map(({ name }) => name)
      .filter((name) => isLoaded(name) && isPlan(textOf(join(repository, name, "config.pbtxt"))))
      .toSorted();
    const open = async (): Promise<ModelRepository> =>
      (await import("@strainflow/repository")).openRepository(repository);
    return { ...NONE, models, open };
  }
  if (repository.startsWith("as://")) return NONE;
  const search = storedPlans(repository, isLoaded);
  try {
    return await untilAborted(search, signal);
  } catch (error) {
    // Who gave up is told so where the server would be started.
    if (signal?.aborted === true)
      search.then(
        (late) => late[Symbol.asyncDispose](),
        () => undefined,
      );
    else
      warn(
        `TensorRT plans in ${repository} are not looked at before the start: ${error instanceof Error ? error.message : String(error)}`,
      );
    return NONE;
  }
}

async function storedPlans(url: string, isLoaded: (name: string) => boolean): Promise<PlansToLoad> {
  // Most servers have a folder, and need no client of any cloud.
  const { openStore } = await import("@strainflow/stores");
  const { repositoryOf } = await import("@strainflow/repository");
  const store = await openStore(url, { idleTimeoutMs: STORE_MS });
  try {
    const names = (await store.list()).filter(isLoaded);
    const configs = await Promise.all(names.map((name) => store.read(name, "config.pbtxt")));
    const models = names.filter((_, i) => isPlan(new TextDecoder().decode(configs[i])));
    return {
      models,
      open: async () => repositoryOf(store),
      [Symbol.asyncDispose]: () => store.close(),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function loadedBy(serverArgs: readonly string[]): (name: string) => boolean {
  if (!serverArgs.some((one) => /^--?model-control-mode=explicit$/.test(one))) return () => true;
  const loaded = serverArgs
    .filter((one) => /^--?load-model=/.test(one))
    .map((argument) => argument.slice(argument.indexOf("=") + 1));
  return (name) => loaded.includes("*") || loaded.includes(name);
}

function isPlan(config: string): boolean {
  return /"(?:tensorrt_plan|tensorrt)"/.test(config);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
