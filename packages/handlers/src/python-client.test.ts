import { execFile, execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { type HandlerServer, serveHandler } from "./serve-handler.ts";

const fixture = (name: string): string => fileURLToPath(new URL(`./testing/${name}.ts`, import.meta.url));
const python = process.env["STRAINFLOW_PYTHON"] ?? "python3";
const present = (() => {
  try {
    execFileSync(python, ["-c", "import numpy, pyarrow"], { stdio: "ignore" });
    return true;
  } catch {
    return process.env["STRAINFLOW_REQUIRE"] === "all";
  }
})();

let server: HandlerServer | undefined;
afterEach(() => server?.close());

const HEAD = `
import base64, io, json, sys, urllib.error, urllib.request
import numpy as np, pyarrow as pa

def post(body, kind):
    request = urllib.request.Request(sys.argv[1], body, {"content-type": kind})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read()

def npy(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()
`;

async function run(name: string, script: string): Promise<unknown> {
  server = await serveHandler({ path: fixture(name), port: 0, workers: 1 });
  // Not the blocking kind: this process is the server.
  const { stdout } = await promisify(execFile)(python, ["-c", HEAD + script, server.url]);
  return JSON.parse(stdout);
}

describe.skipIf(!present)(
  "Python clients (need python3 with numpy and pyarrow; STRAINFLOW_PYTHON names another)",
  () => {
    test("post .npy of any order, alone and in JSON, and get .npy", async () => {
      const told = await run(
        "tensors",
        `
said = []
plain = np.arange(6, dtype="<f4").reshape(2, 3)
for array in (plain, np.asfortranarray(plain), plain.astype(">f4"), plain.T, np.float32(3)):
    status, kind, body = post(npy(array), "application/x-npy")
    back = np.load(io.BytesIO(body), allow_pickle=False)
    said.append([status, kind, str(back.dtype), bool(np.array_equal(back, array + 1))])
data = [base64.b64encode(npy(plain + i)).decode() for i in range(3)]
status, kind, body = post(json.dumps({"data": data}).encode(), "application/json")
for i, text in enumerate(json.loads(body)["data"]):
    back = np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
    said.append(bool(np.array_equal(back, plain + i + 1)))
status, kind, body = post(npy(np.array([{"a": print}])), "application/x-npy")
said.append([status, json.loads(body)["errors"][0]["reason"]])
print(json.dumps(said))
`,
      );
      const good = [200, "application/x-npy", "float32", true];
      expect(told).toEqual([
        ...[good, good, good, good, good, true, true, true],
        [400, "objects are pickled, which runs what it reads; send numbers"],
      ]);
    });

    test("post Arrow tables, and get them", async () => {
      const told = await run(
        "tables",
        `
table = pa.table({"a": [0.5, 1.5, 2.5], "name": ["x", None, "z"], "n": pa.array([1, 2, 3], pa.int64()), "b": [1.0, 2.0, 3.0]})
sink = io.BytesIO()
with pa.ipc.new_stream(sink, table.schema) as writer:
    for batch in table.to_batches(max_chunksize=2):
        writer.write_batch(batch)
status, kind, body = post(sink.getvalue(), "application/vnd.apache.arrow.stream")
back = pa.ipc.open_stream(body).read_all()
back.validate(full=True)
bad = post(sink.getvalue()[:-60], "application/vnd.apache.arrow.stream")
print(json.dumps([status, kind, back.to_pydict(), bad[0]]))
`,
      );
      expect(told).toEqual([
        200,
        "application/vnd.apache.arrow.stream",
        { a: [0.5, 1.5, 2.5], name: ["x", null, "z"], n: [1, 2, 3], b: [1, 2, 3], sum: [1.5, 3.5, 5.5] },
        400,
      ]);
    });
  },
);
