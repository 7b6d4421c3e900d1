// The steps: how much of each one core does. Held against something plain that the machine does just as well or badly in
// the same second, measured by turns: arithmetic for steps that compute, a copy into new memory for steps that move data.
import { travelTimes } from "@strainflow/search";
import {
  createCluster,
  createIntegrate,
  createOnlineAverage,
  createOverWhiten,
  createRankTriggers,
  createResample,
  createSlidingWindow,
  createSnapshotState,
  createWhiten,
} from "@strainflow/steps";
import { Bench } from "tinybench";
import { measurePairs, median, outcome } from "./pairs.mjs";
import { gaussian, inferences, seconds } from "./step-inputs.mjs";

const PAIRS = 7;
const TIME_MS = 100;
const CHANNELS = ["H1", "L1"];
const RATE = 2048;
/** Outputs per second, and the samples between two of them. */
const OUTPUTS = 16;
const STRIDE = RATE / OUTPUTS;
/** Templates of one second, and every lag of a stride. */
const KERNEL = RATE + STRIDE - 1;
const TEMPLATES = 32;

const strain = (sampleRate) => seconds({ sampleRate, quantity: "strain", scale: 1e-21 });
const pushing = (step, next) => () => step.push(next());
const format = { sampleRate: RATE, channels: CHANNELS };
/** As `defaultSettings` of the search has them. */
const spectrum = { psdLength: 8, fftLength: 2, filterLength: 2, highpass: 25, psdStride: 1 };

/** Each gives what does one second of data, and how many of `unit` that second has. */
const cases = [
  {
    name: "sliding window",
    unit: "windows/s",
    yardstick: "copy",
    perSecond: OUTPUTS,
    make: () =>
      pushing(
        createSlidingWindow({ ...format, windowSize: KERNEL, strideSize: STRIDE }),
        seconds({ sampleRate: RATE, quantity: "whitened", narrow: true }),
      ),
  },
  {
    name: "snapshot",
    unit: "windows/s",
    yardstick: "copy",
    perSecond: OUTPUTS,
    make() {
      const state = createSnapshotState({
        channels: CHANNELS.length,
        snapshotSize: KERNEL,
        strideSize: STRIDE,
        batchSize: OUTPUTS,
      });
      const update = Float32Array.from(gaussian(CHANNELS.length * RATE, "update"));
      return () => state.update(update);
    },
  },
  {
    name: "resample 4096 → 2048",
    unit: "samples/s",
    perSecond: CHANNELS.length * 4096,
    make: () =>
      pushing(createResample({ inputRate: 4096, outputRate: RATE, channels: CHANNELS }), strain(4096)),
  },
  {
    name: "over-whiten",
    unit: "samples/s",
    perSecond: CHANNELS.length * RATE,
    make: () => pushing(createOverWhiten({ ...format, ...spectrum }), strain(RATE)),
  },
  {
    name: "whiten",
    unit: "samples/s",
    perSecond: CHANNELS.length * RATE,
    make: () => pushing(createWhiten({ ...format, ...spectrum }), strain(RATE)),
  },
  {
    name: "online average",
    unit: "samples/s",
    perSecond: CHANNELS.length * RATE,
    make: () =>
      pushing(
        createOnlineAverage({
          ...format,
          quantity: "cleaned",
          output: "kernel",
          kernelSize: RATE,
          updateSize: STRIDE,
          numUpdates: 4,
        }),
        inferences({
          rate: OUTPUTS,
          output: "kernel",
          shape: [CHANNELS.length, RATE],
          tensor: (i) => Float32Array.from(gaussian(OUTPUTS * CHANNELS.length * RATE, `kernel/${i}`)),
        }),
      ),
  },
  {
    name: "integrate",
    unit: "outputs/s",
    perSecond: OUTPUTS,
    make: () =>
      pushing(
        createIntegrate({ sampleRate: OUTPUTS, integrationLength: 1 }),
        seconds({ sampleRate: OUTPUTS, quantity: "score", channels: ["score"] }),
      ),
  },
  {
    name: "cluster",
    unit: "outputs/s",
    perSecond: OUTPUTS,
    make: () =>
      pushing(
        createCluster({ sampleRate: OUTPUTS, clusterLength: 8 }),
        seconds({ sampleRate: OUTPUTS, quantity: "score", channels: ["score"] }),
      ),
  },
  {
    name: "rank triggers",
    unit: "outputs/s",
    perSecond: OUTPUTS,
    make: () =>
      pushing(
        createRankTriggers({
          ...format,
          strideSize: STRIDE,
          templates: TEMPLATES,
          lightTravelTime: travelTimes(CHANNELS),
          memory: KERNEL - STRIDE,
          latency: STRIDE,
        }),
        inferences({
          rate: OUTPUTS,
          output: "triggers",
          shape: [CHANNELS.length, TEMPLATES, 3],
          tensor: noiseTriggers,
        }),
      ),
  },
];

/** Peaks as noise gives them: the largest of some fifty independent values of a stride, anywhere in it. */
function noiseTriggers(key) {
  const uniform = gaussian(OUTPUTS * CHANNELS.length * TEMPLATES * 3, `triggers/${key}`).map(
    (value) => 1 / (1 + Math.exp(-1.7 * value)),
  );
  return Float32Array.from(uniform, (u, i) => {
    if (i % 3 === 0) return Math.sqrt(-2 * Math.log(1 - u ** (1 / 50)));
    return i % 3 === 1 ? Math.floor(u * STRIDE) : (u - 0.5) * 2 * Math.PI;
  });
}

/** What steps are held against, and the values that a call of it goes through. */
const yardsticks = {
  "multiply-add": {
    values: CHANNELS.length * RATE,
    make() {
      const values = gaussian(CHANNELS.length * RATE, "yardstick");
      let sum = 0;
      return () => {
        for (let i = 0; i < values.length; i++) sum = sum * 0.999 + values[i];
        return sum;
      };
    },
  },
  copy: {
    values: 2 ** 16,
    make() {
      const values = Float32Array.from(gaussian(2 ** 16, "yardstick"));
      return () => values.slice();
    },
  },
};

/** Calls per second. */
function callsPerSecond(call, timeMs = TIME_MS) {
  const bench = new Bench({ time: timeMs, iterations: 4, warmup: false });
  bench.add("call", call);
  bench.runSync();
  const { result } = bench.tasks[0];
  if (result.state !== "completed") throw result.error ?? new Error(`a task ended as ${result.state}`);
  return 1000 / result.latency.mean;
}

export async function measure() {
  const lines = [];
  for (const { name, unit, perSecond, yardstick = "multiply-add", make } of cases) {
    const call = make();
    const { values, make: makeYard } = yardsticks[yardstick];
    const yard = makeYard();
    // Past the warm-up of PSDs and of the compiler.
    callsPerSecond(call, 4 * TIME_MS);
    callsPerSecond(yard);
    const samples = await measurePairs(
      PAIRS,
      () => callsPerSecond(call) * perSecond,
      () => callsPerSecond(yard) * values,
    );
    const realTime = median(samples.map(({ ours }) => ours)) / perSecond;
    lines.push(
      outcome({
        name: `steps/${name}`,
        unit,
        against: `${yardstick}, values/s`,
        samples,
        note: `${Math.round(realTime).toLocaleString("en").replaceAll(",", " ")} × real time`,
      }),
    );
  }
  return lines;
}
