import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodes } from "./exit-code.ts";
import { built, startCommand } from "./testing/run-command.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-handler-"));
  await writeFile(
    join(folder, "twice.ts"),
    `import { defineHandler } from "@strainflow/handlers";
export default defineHandler<number, readonly number[], number, number>({
  processRequest: (messages) => messages,
  runInference: async (batch) => {
    if (batch.includes(0)) await new Promise((resolve) => setTimeout(resolve, 500));
    return batch.map((value: number) => 2 * value);
  },
  processResponse: (item) => item,
});
`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const suite = built || process.env["STRAINFLOW_REQUIRE"] === "all" ? describe : describe.skip;

suite("strainflow serve --handler (needs `npx tsc -b`)", () => {
  test.each([
    ["--workers", "2"],
    ["--workers", "1", "--processes", "2"],
  ])(
    "serves a module wherever it lies, to those who have the token, and answers what is under way at SIGTERM: %s %s %s %s",
    async (...more) => {
      const args = ["serve", "--handler", "twice.ts", "--http-port", "0", "--json", ...more];
      const { child, record, finished } = startCommand(args, folder, { STRAINFLOW_TOKEN: "sesame" });
      const { http } = await record("ready");
      const post = (data: readonly number[], token: string): Promise<Response> =>
        fetch(String(http), {
          method: "POST",
          body: JSON.stringify({ data }),
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        });
      expect((await post([1], "open")).status).toBe(401);
      expect(await (await post([1, 2], "sesame")).json()).toEqual({ data: [2, 4] });
      const slow = post([0, 5], "sesame");
      await new Promise((resolve) => setTimeout(resolve, 150));
      child.kill("SIGTERM");
      expect(await (await slow).json()).toEqual({ data: [0, 10] });
      const { code, stderr } = await finished;
      expect(code, stderr).toBe(0);
    },
  );

  test("says what is wrong with a handler, or with flags that are for one", async () => {
    await writeFile(join(folder, "half.js"), "export const processRequest = (messages) => messages;\n");
    const half = await startCommand(["serve", "--handler", "half.js", "--http-port", "0"], folder).finished;
    expect(half.code).not.toBe(0);
    expect(half.stderr).toContain("runInference is not a function");
    const alone = await startCommand(["serve", "--batch-max", "3"], folder).finished;
    expect(alone.code).toBe(exitCodes.usage);
    expect(alone.stderr).toContain("--batch-max is for --handler");
  });
});
