import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServerName } from "./conformance/subject.ts";
import { type Running, startSubject } from "./conformance/subjects.ts";
import { casesIn, casesOf, withoutPython } from "./support/python-program.ts";
import { describeTriton } from "./support/real-triton.ts";

const MODELS = [
  ...["simple", "types", "variable", "plain", "scores", "work", "dynamic", "net", "repeat", "double"],
  ...["sum", "first", "second", "chain", "told"],
];
const PROGRAMS = ["grpc_client.py", "grpc_aio_client.py", "http_client.py", "http_aio_client.py"] as const;
const without = withoutPython(
  "tritonclient.grpc.aio, tritonclient.http.aio, tritonclient.utils.shared_memory",
);

/*
 * The same programs on both servers: what they expect is Triton's, and they cannot tell the embedded server from it.
 */
function clients(name: ServerName): void {
  let server: Running;
  beforeAll(async () => {
    server = await startSubject(name, { only: MODELS });
  }, 120_000);
  afterAll(() => server?.stop());

  describe.each(PROGRAMS)("%s", (program) => {
    let results: Readonly<Record<string, string>> = {};
    beforeAll(async () => {
      results = await casesOf(program, server.grpc, server.http.replace("http://", ""));
    });
    it.each(casesIn(program))("%s", (name) => expect(results[name]).toBe("as expected"));
  });
}

describe.skipIf(without)(
  "Python's tritonclient (needs python with tritonclient[grpc,http], which `npm test` sets up)",
  () => {
    describe("with the embedded server", () => clients("embedded"));
    describeTriton("with a real Triton", () => clients("triton"));
  },
);
