import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";

const dist = new URL("../dist/index.js", import.meta.url);
const present = existsSync(dist) || process.env.STRAINFLOW_REQUIRE === "all";

/** Runs a script as its own process; its exit code, or the signal that had to end it. */
function run(script: string, afterReadyMs?: number): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const patience = setTimeout(() => child.kill("SIGKILL"), 30_000);
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (afterReadyMs !== undefined && output.includes("ready"))
          setTimeout(() => child.kill("SIGINT"), afterReadyMs);
      });
    child.on("close", (code) => {
      clearTimeout(patience);
      resolve({ code, output });
    });
  });
}

const head = `
import { createSender, receive } from ${JSON.stringify(dist.href)};
const block = (start) => ({ kind: "series", quantity: "strain", sampleRate: 16, channels: ["H1"], start, size: 16, data: [new Float64Array(16)] });
`;

describe.skipIf(!present)("a process (needs dist: npm run build)", () => {
  test("ends by itself once sender and receiver are closed", async () => {
    const { code, output } = await run(`${head}
      const sender = await createSender({ endpoint: "tcp://127.0.0.1:0", pattern: "push" });
      const receiver = await receive({ endpoint: sender.endpoint, pattern: "pull", stallTimeoutMs: 60_000, lateAfterMs: 60_000 });
      await sender.send(block(0));
      const source = await receiver.source();
      void receiver.source().catch(() => {});
      await sender.send(block(16));
      await receiver.close();
      await sender.close();
      console.log("closed");
    `);
    expect(output).toContain("closed");
    expect(code).toBe(0);
  });

  test("ends on Ctrl-C with a send, a read and a source pending", async () => {
    const { code, output } = await run(
      `${head}
      const abort = new AbortController();
      const { signal } = abort;
      process.once("SIGINT", () => abort.abort());
      const alone = await createSender({ endpoint: "tcp://127.0.0.1:0", pattern: "push", signal });
      const sender = await createSender({ endpoint: "tcp://127.0.0.1:0", pattern: "pub", signal });
      const receiver = await receive({ endpoint: sender.endpoint, pattern: "sub", signal });
      const stuck = alone.send(block(0)).catch((error) => error.tag);
      await sender.waitForSubscribers();
      await sender.send(block(0));
      const source = await receiver.source();
      const other = receiver.source().catch((error) => error.tag);
      console.log("ready");
      let blocks = 0;
      for await (const one of source.blocks({ signal })) blocks += one.size;
      console.log(await stuck, await other, blocks);
    `,
      50,
    );
    expect(output).toContain("zeromq-closed zeromq-closed 16");
    expect(code).toBe(0);
  });
});
