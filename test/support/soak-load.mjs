// The load of the soak test, in a process of its own: sequences streamed one after the other, requests by gRPC and by HTTP, as
// fast as they are answered. Every value of every answer is checked. Says every second how many there were.
import { connect } from "@strainflow/triton";

const { grpc, http, seconds, shape } = JSON.parse(process.argv[2]);
const { channels, strideSize, batchSize, kernelSize, numUpdates } = shape;
const STREAMS = 4;
const IN_FLIGHT = 8;
const ASKERS = 4;
/** Updates of a sequence. */
const LENGTH = 200;
const PERIOD = 61;

const updateSize = strideSize * batchSize;
const delay = (numUpdates - 1) * strideSize;
const valueAt = (t) => (((t % PERIOD) + PERIOD) % PERIOD) / 30 - 1;
/** What the network makes of a sample that all channels share. */
const answers = Array.from({ length: PERIOD }, (_, i) => channels * Math.tanh(0.3 * valueAt(i)));
const answerAt = (t) => answers[((t % PERIOD) + PERIOD) % PERIOD];
const near = (value, expected) => Math.abs(value - expected) < 1e-5;

const counts = { streamed: 0, grpc: 0, http: 0 };
const until = performance.now() + 1000 * seconds;
const running = () => performance.now() < until;

/** One sequence through the ensemble, from START to END. */
function sequence(model, id, phase) {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    const sequenceShape = [1, channels, updateSize];
    const call = model.open({
      response({ id: request, outputs, error }) {
        if (error !== undefined) return reject(error);
        const from = Number(request) * updateSize + phase - delay;
        const { data } = outputs.output_stream;
        for (let i = 0; i < updateSize; i++)
          if (from + i >= phase && !near(data[i], answerAt(from + i)))
            return reject(
              new Error(`sequence ${id}, update ${request}: ${data[i]} at ${i}, not ${answerAt(from + i)}`),
            );
        answered++;
        counts.streamed++;
        if (answered === LENGTH) call.end();
        else fill();
      },
      drain: () => fill(),
      lost: reject,
      closed: () => (answered === LENGTH ? resolve() : reject(new Error(`${answered} of ${LENGTH} answers`))),
    });
    function fill() {
      while (sent < LENGTH && sent - answered < IN_FLIGHT) {
        const from = sent * updateSize + phase;
        const data = Float32Array.from({ length: channels * updateSize }, (_, i) =>
          valueAt(from + (i % updateSize)),
        );
        const place = { id, start: sent === 0, end: sent === LENGTH - 1 };
        const stream = { datatype: "FP32", shape: sequenceShape, data };
        if (!call.send({ id: String(sent++), inputs: { stream }, sequence: place })) return;
      }
    }
    fill();
  });
}

async function streams(model, own) {
  for (let round = 1; running(); round++)
    await sequence(model, BigInt(round * STREAMS + own + 1), (7 * round + own) % PERIOD);
}

/** Requests for the network alone. */
async function asks(model, kind, own) {
  const kernelShape = [batchSize, channels, kernelSize];
  for (let phase = own; running(); phase++) {
    const data = Float32Array.from({ length: batchSize * channels * kernelSize }, (_, i) =>
      valueAt(phase + (i % kernelSize)),
    );
    const { outputs } = await model.infer({
      inputs: { kernel: { datatype: "FP32", shape: kernelShape, data } },
    });
    outputs.clean.data.forEach((value, i) => {
      const expected = answerAt(phase + (i % kernelSize));
      if (!near(value, expected)) throw new Error(`${kind}: ${value} at ${i}, not ${expected}`);
    });
    counts[kind]++;
  }
}

const [overGrpc, overHttp] = await Promise.all([
  connect(grpc, { transport: "frames" }),
  connect(http, { connections: ASKERS }),
]);
const tell = setInterval(() => process.send({ type: "counts", ...counts }), 500);
const ensemble = await overGrpc.servedModel("denoise");
const [grpcNetwork, httpNetwork] = await Promise.all(
  [overGrpc, overHttp].map((client) => client.servedModel("denoiser")),
);
const numbers = (count) => Array.from({ length: count }, (_, i) => i);
await Promise.all([
  ...numbers(STREAMS).map((own) => streams(ensemble, own)),
  ...numbers(ASKERS).map((own) => asks(grpcNetwork, "grpc", own)),
  ...numbers(ASKERS).map((own) => asks(httpNetwork, "http", own)),
]);
clearInterval(tell);
process.send({ type: "counts", ...counts });
overGrpc.close();
overHttp.close();
process.disconnect();
