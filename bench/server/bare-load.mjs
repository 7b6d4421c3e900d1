// The load of `bare-server.mjs`: requests of one size, so many under way, each answered with one size.
import { connect } from "node:net";
import { treeCpu } from "./process-tree.mjs";

const { port, pid, asked, answered, inFlight, warmUp, seconds } = JSON.parse(process.argv[2]);
const socket = connect(port, "127.0.0.1").setNoDelay(true);
const request = new Uint8Array(asked);
let answers = 0;
let bytes = 0;
socket.on("data", (chunk) => {
  bytes += chunk.length;
  const whole = Math.floor(bytes / answered);
  bytes -= whole * answered;
  answers += whole;
  for (let i = 0; i < whole; i++) socket.write(request);
});
for (let i = 0; i < inFlight; i++) socket.write(request);

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time * 1000));
const from = performance.now();
do await pause(0.5);
while (answers < warmUp.least && performance.now() - from < 1000 * warmUp.longestSeconds);
const [cpu, before] = [treeCpu(pid), answers];
await pause(seconds);
const count = answers - before;
const cpuMicroseconds = (1e6 * (treeCpu(pid) - cpu)) / count;
socket.destroy();
process.stdout.write(`${JSON.stringify({ cpuMicroseconds, perSecond: count / seconds })}\n`);
