/*
 * A generator as a child process: opens what it is told over IPC, sends, answers with samples, and leaves when its
 * parent is gone. Ctrl-C reaches the parent too, who decides what is to be kept.
 */
import { isStrainflowError } from "@strainflow/series";
import { createGenerator, type Generator } from "./generator.ts";
import type { FromGenerator, ToGenerator } from "./generator-messages.ts";

let generator: Generator | undefined;

async function answer(ask: ToGenerator["ask"]): Promise<Omit<FromGenerator, "call">> {
  if (ask.type === "open") {
    generator = await createGenerator(ask.spec);
    return {};
  }
  if (generator === undefined) throw new Error("nothing is open");
  if (ask.type === "start") {
    await generator.start(ask.job);
    return {};
  }
  return { batch: ask.type === "take" ? await generator.take() : await generator.stop(ask.drainMs) };
}

process.on("message", ({ call, ask }: ToGenerator) => {
  const tell = (message: FromGenerator): void => {
    if (process.connected) process.send?.(message);
  };
  answer(ask).then(
    (result) => tell({ call, ...result }),
    (error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      tell({
        call,
        error: { tag: isStrainflowError(error) ? error.tag : "loadtest-generator", message, details: {} },
      });
    },
  );
});
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
process.on("disconnect", () => process.exit(0));
