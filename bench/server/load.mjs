// The load of `server.mjs`, the same for every server, in a process of its own: so many requests under way, streamed as
// one sequence or each by itself. Answers are looked at as they come; the server's CPU is read when its time begins and
// ends.
import { connect } from "@strainflow/triton";
import { callsOf } from "./calls.mjs";
import { treeCpu } from "./process-tree.mjs";

const options = JSON.parse(process.argv[2]);
const client = await connect(options.address, { transport: "frames" });
const model = await client.servedModel(options.model);
const phases = callsOf(model, options);

// What a server compiles or allocates on its way is not what is asked for.
let answers = 0;
const began = performance.now();
do answers += (await phases.run(1.5)).times.length;
while (answers < options.warmUp.least && performance.now() - began < 1000 * options.warmUp.longestSeconds);
const cpu = treeCpu(options.pid);
const own = process.cpuUsage();
const from = performance.now();
const { times, shown } = await phases.run(options.seconds);
const seconds = (performance.now() - from) / 1000;
const serverCpu = treeCpu(options.pid) - cpu;
const { user, system } = process.cpuUsage(own);
client.close();
times.sort((a, b) => a - b);
const count = times.length;
const quantile = (q) => times[Math.min(count - 1, Math.floor(q * count))];
const result = {
  perSecond: count / seconds,
  cpuMicroseconds: (1e6 * serverCpu) / count,
  clientMicroseconds: (user + system) / count,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
  answer: shown,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
