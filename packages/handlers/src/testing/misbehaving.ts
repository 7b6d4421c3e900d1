import { defineHandler } from "@strainflow/handlers";

/** Doubles numbers; a word is done as it says. */
export default defineHandler<unknown, readonly unknown[], unknown, unknown>({
  validate: (message) =>
    typeof message === "number" || typeof message === "string" ? undefined : "numbers and words only",
  processRequest: (messages) => messages,
  runInference: async (batch) => {
    if (batch.includes("throw")) throw new Error("no way with throw");
    if (batch.includes("exit")) process.exit(7);
    if (batch.includes("loop")) for (;;);
    if (batch.includes("hang")) await new Promise(() => undefined);
    if (batch.includes("slow")) await new Promise((resolve) => setTimeout(resolve, 300));
    if (batch.includes("heap")) for (const all: unknown[] = []; ; ) all.push(new Array(100_000).fill({}));
    return batch;
  },
  processResponse: (item) => {
    if (item === "late throw") throw new Error("no answer can be made of it");
    return typeof item === "number" ? 2 * item : item;
  },
});
