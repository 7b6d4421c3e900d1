import {
  elementCount,
  type InferRequest,
  StrainflowError,
  type StreamingModel,
  type Tensor,
} from "@strainflow/series";

/** How fast a model answers. */
export interface ModelSpeed {
  /** Milliseconds per request, while several are under way. */
  readonly requestMs: number;
  /** Seconds of data that it takes per second. */
  readonly timesRealTime: number;
  readonly requests: number;
}

/** Requests before those that count: threads start, memory is laid out. */
const WARM_UP = 3;

/**
 * Measures a model: one short sequence of zeros, as many requests under way as a search would have.
 *
 * @throws whatever the server answers; `stream-lost`
 */
export function probeModel(
  model: StreamingModel,
  options: { readonly maxInFlight: number; readonly requests?: number },
): Promise<ModelSpeed> {
  const { streaming } = model;
  const counted = options.requests ?? 12;
  const total = WARM_UP + counted;
  const id = (BigInt(Date.now()) << 20n) | BigInt(Math.floor(Math.random() * 2 ** 20));
  const inputs = zeros(model);
  const request = (n: number): InferRequest => ({
    id: `probe-${n}`,
    inputs,
    sequence: { id, start: n === 0, end: n === total - 1 },
  });
  return new Promise((resolve, reject) => {
    let sent = 0;
    let answered = 0;
    let from = 0;
    const call = model.open({
      response({ error }) {
        if (error !== undefined) return fail(error);
        answered++;
        if (answered === WARM_UP) from = performance.now();
        if (answered < total) return send();
        const requestMs = (performance.now() - from) / counted;
        const updateLength = (streaming.strideSize * streaming.batchSize) / streaming.sampleRate;
        call.end();
        resolve({ requestMs, timesRealTime: (updateLength * 1000) / requestMs, requests: counted });
      },
      lost: reject,
    });
    function fail(error: Error): void {
      call.cancel();
      reject(error);
    }
    function send(): void {
      try {
        while (sent < total && sent - answered < options.maxInFlight) call.send(request(sent++));
      } catch (error) {
        fail(error instanceof Error ? error : new StrainflowError("stream-lost", String(error)));
      }
    }
    send();
  });
}

function zeros(model: StreamingModel): Record<string, Tensor> {
  const inputs = model.inputs.map((input) =>
    input.name === model.streaming.input.name ? model.streaming.input : input,
  );
  return Object.fromEntries(
    inputs.map(({ name, datatype, shape }) => {
      const fixed = shape.map((size) => Math.max(1, size));
      return [name, { datatype, shape: fixed, data: new Float32Array(elementCount(fixed)) }];
    }),
  );
}
