// The floor: `session.run` and nothing else, in a process of its own; CPU per run.
import { InferenceSession, Tensor } from "onnxruntime-node";

const { path, size, seconds } = JSON.parse(process.argv[2]);
const session = await InferenceSession.create(path, {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: "0" }, inter_op: { allow_spinning: "0" } } },
});
const x = new Tensor(
  "float32",
  Float32Array.from({ length: size }, (_, i) => i),
  [1, size],
);

/** Runs for so long; gives how often. */
async function runFor(time) {
  const until = performance.now() + 1000 * time;
  let runs = 0;
  for (; performance.now() < until; runs++) {
    const { y } = await session.run({ x });
    if (y.data[y.size - 1] !== size - 1) throw new Error("the run gave other values than it should");
  }
  return runs;
}

await runFor(1);
const cpu = process.cpuUsage();
const runs = await runFor(seconds);
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ cpuMicroseconds: (user + system) / runs })}\n`);
