import type { InferCall, InferListener, InferRequest, StreamingModel } from "@strainflow/series";

export interface FakeModelOptions {
  readonly strideSize: number;
  readonly batchSize: number;
  readonly memory: number;
  readonly latency?: number;
  /** Decides before each answer whether the stream is lost instead, and with it all states. */
  readonly loses?: (answered: number) => boolean;
  /** Decides before each answer whether the server has lost its states while the stream goes on. */
  readonly forgets?: (answered: number) => boolean;
  /**
   * Decides before each answer whether the line is cut, and the server lives on with its states. What was under way is
   * `dropped`, or arrives `late`: when the next stream has been answered a while.
   */
  readonly cuts?: (answered: number) => "dropped" | "late" | undefined;
}

export interface FakeModel extends StreamingModel {
  /** All requests that carried a stream, in the order of their arrival. */
  readonly received: InferRequest[];
  /** Sequences that hold a slot. */
  readonly openSequences: () => number;
  readonly mostInFlight: () => number;
}

/** Answers on a new stream after which what was late of old ones arrives: past the first END and START. */
const LATE_ANSWERS = 3;

/** A stateful model in this process: each output is Σ over its reach of sample × distance, exactly. */
export function createFakeModel(options: FakeModelOptions): FakeModel {
  const { strideSize, batchSize, memory } = options;
  const size = strideSize * batchSize;
  const states = new Map<string, Float64Array>();
  const received: InferRequest[] = [];
  const late: InferRequest[] = [];
  let answered = 0;
  let mostInFlight = 0;

  function answer(request: InferRequest): { score: Float32Array } | { error: Error } {
    const { id, start, end } = request.sequence!;
    const key = String(id);
    if (start) states.set(key, new Float64Array(memory));
    const state = states.get(key);
    if (state === undefined)
      return {
        error: new Error(
          `inference request for sequence ${key} to model 'fake' must specify the START flag on the first request of the sequence`,
        ),
      };
    const update = request.inputs["stream"]!.data as Float32Array;
    const all = new Float64Array(memory + size);
    all.set(state);
    all.set(update, memory);
    const score = new Float32Array(batchSize);
    for (let b = 0; b < batchSize; b++)
      for (let i = 0; i < memory + strideSize; i++)
        score[b]! += Math.fround(all[b * strideSize + i]! * ((i % 5) + 1));
    states.set(key, all.slice(size));
    if (end) states.delete(key);
    return { score };
  }

  return {
    name: "fake",
    version: "1",
    inputs: [{ name: "stream", datatype: "FP32", shape: [1, 1, size] }],
    outputs: [{ name: "score", datatype: "FP32", shape: [batchSize, 1] }],
    streaming: {
      input: { name: "stream", datatype: "FP32", shape: [1, 1, size] },
      sampleRate: 16,
      channels: ["H1"],
      strideSize,
      batchSize,
      updateSize: 1,
      memory,
      latency: options.latency ?? 0,
    },
    received,
    openSequences: () => states.size,
    mostInFlight: () => mostInFlight,
    open(listener: InferListener): InferCall {
      let queue: InferRequest[] = [];
      let ended = false;
      let gone = false;
      let running = false;
      let mine = 0;
      async function run(): Promise<void> {
        if (running) return;
        running = true;
        while (!gone && queue.length > 0) {
          await new Promise((resolve) => setImmediate(resolve));
          if (gone) return;
          answered++;
          if (options.loses?.(answered) === true) {
            gone = true;
            states.clear();
            listener.lost(new Error("connection reset"));
            return;
          }
          const cut = options.cuts?.(answered);
          if (cut !== undefined) {
            gone = true;
            if (cut === "late") late.push(...queue);
            listener.lost(new Error("connection reset"));
            return;
          }
          const request = queue.shift()!;
          if (options.forgets?.(answered) === true) {
            states.clear();
            const error = new Error("compute thread 1 died with the request in it");
            listener.response({ id: request.id, outputs: {}, error });
            continue;
          }
          if (queue.length === 3) setImmediate(() => gone || listener.drain?.());
          const result = answer(request);
          if (++mine === LATE_ANSWERS) for (const old of late.splice(0)) answer(old);
          listener.response(
            "error" in result
              ? { id: request.id, outputs: {}, error: result.error }
              : {
                  id: request.id,
                  outputs: { score: { datatype: "FP32", shape: [batchSize, 1], data: result.score } },
                },
          );
        }
        running = false;
        if (ended && !gone) listener.closed?.();
      }
      return {
        send(request) {
          queue.push(request);
          received.push(request);
          mostInFlight = Math.max(mostInFlight, queue.length);
          void run();
          return queue.length < 4;
        },
        end() {
          ended = true;
          void run();
        },
        cancel() {
          gone = true;
          queue = [];
        },
      };
    },
  };
}
