// The network's side of `whole.mjs`: sessions in threads of their own, each running its own tensors over and over.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";

async function main() {
  const options = JSON.parse(process.argv[2]);
  const workers = Array.from(
    { length: options.sessions },
    () => new Worker(new URL(import.meta.url), { workerData: options }),
  );
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const cpu = process.cpuUsage();
  const from = performance.now();
  for (const worker of workers) worker.postMessage("go");
  const counts = await Promise.all(workers.map((worker) => once(worker, "message")));
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const runs = counts.reduce((sum, [count]) => sum + count, 0);
  const result = { runsPerSecond: runs / seconds, cpuMillisecondsPerRun: (user + system) / 1000 / runs };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  for (const worker of workers) worker.postMessage("leave");
}

async function loop() {
  const { path, inputs, threads, seconds } = workerData;
  const session = await InferenceSession.create(path, { intraOpNumThreads: threads, logSeverityLevel: 3 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, shape]) => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
      return [name, new Tensor("float32", data.map(Math.random), shape)];
    }),
  );
  for (let i = 0; i < 20; i++) await session.run(feeds);
  parentPort.postMessage("ready");
  await once(parentPort, "message");
  const from = performance.now();
  let runs = 0;
  while (performance.now() - from < seconds * 1000) {
    await session.run(feeds);
    runs++;
  }
  parentPort.postMessage(runs);
  await once(parentPort, "message");
  // A thread that is terminated inside a run takes the process with it; this one leaves by itself.
  await session.release();
  parentPort.close();
}

await (isMainThread ? main() : loop());
