// What this machine takes for the way alone: a socket, a thread that runs the model, an answer. No protocol, no names, no
// checks, no queues: the least that a server in Node can cost which does not compute on its event loop.
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

if (isMainThread) serve(JSON.parse(process.argv[2]));
else await compute(workerData);

function serve({ path, asked, answered }) {
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: { path, asked, answered } });
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => {});
    let request = new ArrayBuffer(asked);
    let at = 0;
    const back = (answers) => {
      socket.cork();
      for (const answer of answers) socket.write(new Uint8Array(answer));
      socket.uncork();
    };
    thread.on("message", back);
    socket.on("close", () => thread.off("message", back));
    socket.on("data", (chunk) => {
      const requests = [];
      for (let from = 0; from < chunk.length; ) {
        const size = Math.min(asked - at, chunk.length - from);
        new Uint8Array(request).set(chunk.subarray(from, from + size), at);
        from += size;
        at += size;
        if (at < asked) continue;
        requests.push(request);
        request = new ArrayBuffer(asked);
        at = 0;
      }
      if (requests.length > 0) thread.postMessage(requests, requests);
    });
  });
  thread.once("message", () => {
    server.listen(0, "127.0.0.1", () =>
      process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`),
    );
  });
  process.stdin.resume().once("end", () => process.exit(0));
}

async function compute({ path }) {
  const { InferenceSession, Tensor } = await import("onnxruntime-node");
  const session = await InferenceSession.create(path, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
  });
  let queue = Promise.resolve();
  parentPort.on("message", (requests) => {
    queue = queue.then(async () => {
      const answers = [];
      for (const request of requests) {
        const data = new Float32Array(request);
        const { y } = await session.run({ x: new Tensor("float32", data, [1, data.length]) });
        answers.push(y.data.buffer);
      }
      parentPort.postMessage(answers, answers);
    });
  });
  parentPort.postMessage("ready");
}
