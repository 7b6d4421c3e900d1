import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { invalidOption, StrainflowError } from "@strainflow/series";
import type { Generator, GeneratorSpec } from "./generator.ts";
import type { FromGenerator, ToGenerator } from "./generator-messages.ts";
import type { Job } from "./run-shots.ts";
import type { SampleBatch } from "./sample-log.ts";

/** From `src` and from `dist` alike. */
const ENTRY = fileURLToPath(new URL("../dist/generator-process.js", import.meta.url));

/** What a generator's process gets beyond the time to drain, in milliseconds, before it is ended. */
const GRACE_MS = 5000;

/**
 * A generator in a process of its own, for when one process cannot send as much as is asked for. It ends with this one.
 *
 * @throws `invalid-option` if a check is a function, which cannot leave its process; what connecting throws
 */
export async function createProcessGenerator(spec: GeneratorSpec): Promise<Generator> {
  if (typeof spec.target.check === "function")
    throw invalidOption(
      "loadTest",
      "processes",
      spec.of,
      '1 where "check" is a function, which cannot leave its process',
    );
  const child = fork(ENTRY, [], {
    serialization: "advanced",
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const pending = new Map<number, { resolve(answer: FromGenerator): void; reject(error: Error): void }>();
  let asked = 0;
  let gone: Error | undefined;
  const whenGone = (why: string): void => {
    gone ??= new StrainflowError("loadtest-generator", `a generator's process is gone (${why})`);
    for (const { reject } of pending.values()) reject(gone);
    pending.clear();
  };
  child.on("message", (answer: FromGenerator) => {
    pending.get(answer.call)?.resolve(answer);
    pending.delete(answer.call);
  });
  child.on("exit", (code, signal) => whenGone(signal === null ? `status ${code}` : signal));
  child.on("error", (error) => whenGone(error.message));

  const ask = (message: ToGenerator["ask"]): Promise<FromGenerator> =>
    new Promise<FromGenerator>((resolve, reject) => {
      if (gone !== undefined) return reject(gone);
      const call = ++asked;
      pending.set(call, { resolve, reject });
      child.send({ call, ask: message } satisfies ToGenerator, (error) => {
        if (error !== null) whenGone(error.message);
      });
    }).then((answer) => {
      if (answer.error === undefined) return answer;
      const { tag, message: text, details } = answer.error;
      throw new StrainflowError(tag, text, { details });
    });
  const batchOf = async (message: ToGenerator["ask"]): Promise<SampleBatch> => {
    const { batch } = await ask(message);
    if (batch === undefined)
      throw new StrainflowError("loadtest-generator", "a generator's process gave no samples");
    return batch;
  };

  try {
    await ask({ type: "open", spec });
  } catch (error) {
    await end(child);
    throw error;
  }
  return {
    start: async (job: Job) => void (await ask({ type: "start", job })),
    take: () => batchOf({ type: "take" }),
    stop: (drainMs) => batchOf({ type: "stop", drainMs }),
    close: () => end(child),
  };
}

/** Closes its end of IPC, after which it leaves by itself. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    if (child.connected) child.disconnect();
  });
}
