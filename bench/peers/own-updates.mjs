// Our side of `peers.mjs`: one sequence, so many updates under way, the wall clock and this process's CPU. An update is
// the same pattern each time, with its own number as its first value; answers are looked at as they come.
import { connect } from "@strainflow/triton";

/**
 * Every side has it, this one a longer: a search goes on for days, and what is compiled on the way is compiled once. V8
 * has done with it after some ten thousand updates, until when a third of the CPU is the compiler's; and what it took
 * for granted in the first stream (that none ends, that there is one) it compiles anew in the second and the third.
 */
const WARM_UP = [
  { seconds: 0.5, least: 0 },
  { seconds: 0.5, least: 0 },
  { seconds: 4, least: 10_000 },
];
/** Where updates take long, the compiler has time enough between them. */
const LONGEST_WARM_UP_S = 12;
/** Number of the answer that is shown, to be compared with what the other clients got. */
const SHOWN = 20;

const options = JSON.parse(process.argv[2]);
const { address, transport, model: name, channels, updateSize, inFlight, marker } = options;
const shape = [1, channels, updateSize];
const client = await connect(address, { transport });
const model = await client.servedModel(name);
// What is under way must not change: as many updates as that.
const updates = Array.from({ length: inFlight }, () =>
  Float32Array.from({ length: channels * updateSize }, (_, i) => (i % 1024) / 1024),
);

/**
 * Streams updates as one sequence, for so long and, where that takes less than the longest warm-up, so many; gives their
 * number, and how long each answer took.
 */
function stream(sequenceId, seconds, least = 0) {
  return new Promise((resolve, reject) => {
    const from = performance.now();
    const isEnough = (now, number) =>
      now >= from + seconds * 1000 && (number >= least || now >= from + LONGEST_WARM_UP_S * 1000);
    const sentAt = [];
    const times = [];
    let shown;
    let ended = false;
    const call = model.open({
      // Each answer is looked at as it comes, and not kept.
      borrows: true,
      response({ id, outputs, error }) {
        if (error !== undefined) return fail(error);
        const number = Number(id);
        times.push(performance.now() - sentAt[number]);
        const { data } = outputs.y;
        if (marker === null ? !Number.isFinite(data[0]) : data[marker] !== number)
          return fail(new Error(`the answer to update ${number} holds ${data.subarray(0, 4)}`));
        if (number === SHOWN) shown = [...data.subarray(-4)];
        if (ended && times.length === sentAt.length) call.end();
        else fill();
      },
      drain: () => fill(),
      lost: reject,
      closed: () => resolve({ count: times.length, times, shown }),
    });
    function fail(error) {
      call.cancel();
      reject(error);
    }
    function fill() {
      while (!ended && sentAt.length - times.length < inFlight) {
        const number = sentAt.length;
        const now = performance.now();
        ended = number > SHOWN && isEnough(now, number);
        const data = updates[number % inFlight];
        data[0] = number;
        sentAt.push(now);
        const go = call.send({
          id: String(number),
          inputs: { stream: { datatype: "FP32", shape, data } },
          sequence: { id: sequenceId, start: number === 0, end: ended },
        });
        if (!go) return;
      }
    }
    fill();
  });
}

let sequenceId = BigInt(options.sequenceId);
for (const { seconds, least } of WARM_UP) await stream(sequenceId++, seconds, least);
const cpu = process.cpuUsage();
const from = performance.now();
const { count, times, shown } = await stream(sequenceId, options.seconds);
const seconds = (performance.now() - from) / 1000;
const { user, system } = process.cpuUsage(cpu);
client.close();
times.sort((a, b) => a - b);
const quantile = (q) => times[Math.min(count - 1, Math.floor(q * count))];
const result = {
  updatesPerSecond: count / seconds,
  cpuMicroseconds: (user + system) / count,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
  answer: shown,
};
process.stdout.write(`${JSON.stringify(result)}\n`);
