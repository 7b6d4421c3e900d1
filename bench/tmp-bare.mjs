import { mkdtemp, writeFile } from "node:fs/promises";
import { buildMatchedFilter } from "@strainflow/repository";
import { createTemplateBank } from "@strainflow/waveforms";
import { ask } from "./child.mjs";

const folder = await mkdtemp("/tmp/bare-");
const bank = createTemplateBank({ count: 32, sampleRate: 2048, strideSize: 128 });
const nets = [];
for (const b of [16, 32, 64]) {
  const m = buildMatchedFilter({ bank, channels: ["H1", "L1"], strideSize: 128, batchSize: b });
  const path = `${folder}/${b}.onnx`;
  await writeFile(path, m.files["1/model.onnx"]);
  nets.push([
    b,
    { path, inputs: Object.fromEntries(m.config.input.map(({ name, dims }) => [name, dims.map(Number)])) },
  ]);
}
for (let r = 0; r < 3; r++)
  for (const [b, n] of nets) {
    const { runsPerSecond, cpuMillisecondsPerRun } = await ask(
      process.execPath,
      [new URL("bare-network.mjs", import.meta.url).pathname],
      { ...n, sessions: 2, threads: 1, seconds: 2 },
    );
    console.log(b, "x real time", (runsPerSecond * b) / 16, "cpu ms/s", (cpuMillisecondsPerRun * 16) / b);
  }
