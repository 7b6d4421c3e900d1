// Requests of each kind, and what their answers must be.

/** Number of the answer that is shown, to be compared with what the other server gave. */
const SHOWN = 20;
/** Of every so many answers the whole is looked at; of the others, the value that only its own request explains. */
const WHOLE = 64;
/** Values of the pattern that requests hold: whole numbers, which sums and means leave exact. */
const PERIOD = 1024;

/** @returns `run(seconds)` asks for so long, and gives how long each answer took, in ms, and the one that is shown */
export function callsOf(model, options) {
  if (options.kind === "unary") return { run: (seconds) => askUnary(model, options, seconds) };
  const stream = options.kind === "streamed" ? streamedUpdates(options) : streamedSingles(options);
  let sequence = options.sequenceId;
  return { run: (seconds) => streamFor(model, options, stream, BigInt(sequence++), seconds) };
}

/** Updates of one sequence through the ensemble. */
function streamedUpdates({ channels, updateSize, delay, exact, inFlight }) {
  const shape = [1, channels, updateSize];
  const updates = pool(inFlight, channels * updateSize, (i) => (i % updateSize) % PERIOD);
  return {
    sequenced: true,
    inputs(number) {
      const data = updates[number % inFlight];
      for (let c = 0; c < channels; c++) data[c * updateSize] = number;
      return { stream: { datatype: "FP32", shape, data } };
    },
    wrong(number, { output_stream: { data } }) {
      if (data.length !== updateSize) return true;
      if (!exact) return !Number.isFinite(data[0]) || !Number.isFinite(data[updateSize - 1]);
      // All channels hold the same, so their mean over any number of kernels is the stream itself, late.
      if (data[delay] !== number) return true;
      if (number % WHOLE !== 1) return false;
      const at = (i) => (i === 0 ? number : i === -updateSize ? number - 1 : patternOf(i, updateSize));
      return data.some((value, i) => value !== at(i - delay));
    },
    shown: ({ output_stream: { data } }) => [...data.subarray(-4)],
  };
}

const patternOf = (i, size) => ((i + size) % size) % PERIOD;

/** Requests for a model without sequences. */
function streamedSingles(options) {
  return { sequenced: false, ...singles(options) };
}

function singles({ askedSize, answeredSize, inFlight }) {
  const shape = [1, askedSize];
  const requests = pool(inFlight, askedSize, (i) => i);
  return {
    inputs(number) {
      const data = requests[number % inFlight];
      data[0] = number % 65536;
      return { x: { datatype: "FP32", shape, data } };
    },
    wrong(number, { y: { data } }) {
      const at = (i) => (i % askedSize === 0 ? number % 65536 : i % askedSize);
      if (data.length !== answeredSize || data[answeredSize - askedSize] !== at(0)) return true;
      return number % WHOLE === 1 && data.some((value, i) => value !== at(i));
    },
    shown: ({ y: { data } }) => [...data.subarray(-4)],
  };
}

/** As many arrays as there are requests under way: what is under way must not change. */
const pool = (count, size, value) =>
  Array.from({ length: count }, () => Float32Array.from({ length: size }, (_, i) => value(i)));

function streamFor(model, { inFlight }, { inputs, wrong, shown, sequenced }, sequenceId, seconds) {
  return new Promise((resolve, reject) => {
    const until = performance.now() + seconds * 1000;
    const sentAt = [];
    const times = [];
    let answer;
    let ended = false;
    const call = model.open({
      response({ id, outputs, error }) {
        if (error !== undefined) return fail(error);
        const number = Number(id);
        times.push(performance.now() - sentAt[number]);
        if (wrong(number, outputs)) return fail(new Error(`the answer to request ${number} is wrong`));
        if (number === SHOWN) answer = shown(outputs);
        if (ended && times.length === sentAt.length) call.end();
        else fill();
      },
      drain: () => fill(),
      lost: reject,
      closed: () => resolve({ times, shown: answer }),
    });
    function fail(error) {
      call.cancel();
      reject(error);
    }
    function fill() {
      while (!ended && sentAt.length - times.length < inFlight) {
        const number = sentAt.length;
        const now = performance.now();
        ended = now >= until && number > SHOWN;
        sentAt.push(now);
        const sequence = { id: sequenceId, start: number === 0, end: ended };
        const request = { id: String(number), inputs: inputs(number), ...(sequenced ? { sequence } : {}) };
        if (!call.send(request)) return;
      }
    }
    fill();
  });
}

async function askUnary(model, options, seconds) {
  const { inFlight } = options;
  const { inputs, wrong, shown } = singles(options);
  const until = performance.now() + seconds * 1000;
  const times = [];
  let answer;
  // Each of those who ask has an array of its own: the pool is as large as their number.
  const asker = async (own) => {
    for (let number = own; performance.now() < until || number <= SHOWN + inFlight; number += inFlight) {
      const from = performance.now();
      const { outputs } = await model.infer({ inputs: inputs(number) });
      times.push(performance.now() - from);
      if (wrong(number, outputs)) throw new Error(`the answer to request ${number} is wrong`);
      if (number === SHOWN) answer = shown(outputs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, own) => asker(own)));
  return { times, shown: answer };
}
