// What the steps are fed with: seeded noise, one second at a time, without an end.
import { createRandom } from "@strainflow/waveforms";

const CHANNELS = ["H1", "L1"];
const START = 1_000_000_000;

export function gaussian(size, key) {
  const values = new Float64Array(size);
  createRandom(`bench/${key}`).fillGaussian(values);
  return values;
}

/**
 * Gives one block per call, each a second later than the last. A few seconds of data come again and again: how long a
 * step takes does not depend on the values, and making new ones would be measured too.
 */
export function seconds({ sampleRate, quantity, channels = CHANNELS, scale = 1, narrow = false }) {
  const stock = Array.from({ length: 8 }, (_, i) =>
    channels.map((channel) => {
      const values = gaussian(sampleRate, `${channel}/${i}`).map((value) => value * scale);
      return narrow ? Float32Array.from(values) : values;
    }),
  );
  let second = START;
  return () => {
    const data = stock[second % stock.length];
    const block = {
      kind: "series",
      quantity,
      start: second * sampleRate,
      size: sampleRate,
      sampleRate,
      channels,
      data,
    };
    second++;
    return block;
  };
}

/** The same for a model's outputs: `tensor(i)` gives the i-th of eight seconds of `rate` outputs. */
export function inferences({ rate, output, shape, tensor }) {
  const stock = Array.from({ length: 8 }, (_, i) => ({
    datatype: "FP32",
    shape: [rate, ...shape],
    data: tensor(i),
  }));
  let second = START;
  return () => {
    const outputs = { [output]: stock[second % stock.length] };
    const block = {
      kind: "inference",
      start: second * rate,
      size: rate,
      sampleRate: rate,
      channels: CHANNELS,
      outputs,
    };
    second++;
    return block;
  };
}
