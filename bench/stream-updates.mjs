// Our side of `updates.mjs`: one sequence, a fixed number of updates under way, wall clock and this process's CPU.
import { connect } from "@strainflow/triton";

const {
  address,
  transport,
  model: name,
  channels,
  updateSize,
  count,
  inFlight,
} = JSON.parse(process.argv[2]);
const client = await connect(address, { transport });
const model = await client.model(name);

/** Streams so many updates as one sequence. */
function stream(sequenceId, updates) {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const data = new Float32Array(channels * updateSize).fill(0.5);
    const shape = [1, channels, updateSize];
    const call = model.open({
      response({ error }) {
        if (error !== undefined) reject(error);
        answered++;
        if (answered === updates) call.end();
        else fill();
      },
      drain: () => fill(),
      lost: reject,
      closed: resolve,
    });
    function fill() {
      while (sent < updates && sent - answered < inFlight) {
        data[0] = sent;
        const sequence = { id: sequenceId, start: sent === 0, end: sent === updates - 1 };
        const go = call.send({
          id: String(sent++),
          inputs: { [model.streaming.input.name]: { datatype: "FP32", shape, data } },
          sequence,
        });
        if (!go) return;
      }
    }
    fill();
  });
}

await stream(1n, Math.ceil(count / 4));
const cpu = process.cpuUsage();
const from = performance.now();
await stream(2n, count);
const seconds = (performance.now() - from) / 1000;
const { user, system } = process.cpuUsage(cpu);
client.close();
process.stdout.write(
  `${JSON.stringify({ updatesPerSecond: count / seconds, cpuMicroseconds: (user + system) / count })}\n`,
);
