import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type InferenceServer } from "@strainflow/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HERMES_STREAM, writeHermesStream } from "./support/hermes-stream.ts";
import { casesIn, casesOf, withoutPython } from "./support/python-program.ts";

const PROGRAM = "hermes_client.py";

describe.skipIf(withoutPython("hermes.aeriel.client"))(
  "hermes' client streaming to the embedded server (needs python with ml4gw-hermes, which `npm test` sets up)",
  () => {
    describe.each(["onnx", "native"] as const)("with states kept by %s code", (kept) => {
      let folder = "";
      let server: InferenceServer;
      let results: Readonly<Record<string, string>> = {};
      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), "strainflow-hermes-"));
        await writeHermesStream(folder, kept);
        server = await createServer({
          repository: folder,
          workers: 1,
          modelControl: "explicit",
          startupModels: ["*"],
        });
        const { channels, strideSize, batchSize, kernelSize, numUpdates } = HERMES_STREAM;
        const sizes = [channels, strideSize, batchSize, kernelSize, numUpdates].map(String);
        const places = [server.grpcAddress, server.httpAddress ?? ""];
        results = await casesOf(PROGRAM, ...places, "stream", ...sizes, "network");
      });
      afterAll(async () => {
        await server?.close();
        await rm(folder, { recursive: true, force: true });
      });
      it.each(casesIn(PROGRAM))("%s", (name) => expect(results[name]).toBe("as expected"));
    });
  },
);
