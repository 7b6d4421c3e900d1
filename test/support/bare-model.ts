import type { InferCall, InferListener, InferRequest, StreamingModel, Tensor } from "@strainflow/series";
import { createSnapshotState } from "@strainflow/steps";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";

export interface BareModelOptions {
  /** The network: `kernel` `[B, D, L]` and whatever else it takes, in this order of detectors. */
  readonly network: Uint8Array;
  readonly channels: readonly string[];
  readonly sampleRate: number;
  readonly strideSize: number;
  readonly batchSize: number;
  readonly kernelSize: number;
  readonly latency: number;
  readonly threads?: number;
}

/**
 * The streaming ensemble without any server: snapshots in TypeScript, the network in this thread. What a server gives
 * is held against it.
 */
export async function createBareModel(options: BareModelOptions): Promise<StreamingModel> {
  const { channels, strideSize, batchSize, kernelSize, sampleRate, latency } = options;
  const session = await InferenceSession.create(options.network, {
    intraOpNumThreads: options.threads ?? 1,
    logSeverityLevel: 3,
  });
  const states = new Map<bigint | string, ReturnType<typeof createSnapshotState>>();
  const input = {
    name: "stream",
    datatype: "FP32",
    shape: [1, channels.length, strideSize * batchSize],
  } as const;
  const side = session.inputNames.filter((name) => name !== "kernel");

  async function answer(request: InferRequest): Promise<Record<string, Tensor>> {
    const { id, start, end } = request.sequence!;
    if (start)
      states.set(
        id,
        createSnapshotState({ channels: channels.length, snapshotSize: kernelSize, strideSize, batchSize }),
      );
    const [kernels] = states.get(id)!.update(request.inputs["stream"]!.data as Float32Array);
    if (end) states.delete(id);
    const feeds: Record<string, OrtTensor> = {
      kernel: new OrtTensor("float32", kernels!, [batchSize, channels.length, kernelSize]),
    };
    for (const name of side) {
      const tensor = request.inputs[name]!;
      feeds[name] = new OrtTensor("float32", tensor.data as Float32Array, [...tensor.shape]);
    }
    const results = await session.run(feeds);
    return Object.fromEntries(
      session.outputNames.map((name) => [
        name,
        { datatype: "FP32", shape: [...results[name]!.dims], data: results[name]!.data as Float32Array },
      ]),
    );
  }

  return {
    name: "bare",
    version: "1",
    inputs: [
      input,
      ...side.map((name) => ({
        name,
        datatype: "FP32" as const,
        shape: [channels.length, sampleRate / 2 + 1],
      })),
    ],
    outputs: [],
    streaming: {
      input,
      sampleRate,
      channels,
      strideSize,
      batchSize,
      updateSize: 1,
      memory: kernelSize - strideSize,
      latency,
    },
    open(listener: InferListener): InferCall {
      let queue = Promise.resolve();
      let gone = false;
      return {
        send(request) {
          queue = queue.then(async () => {
            if (gone) return;
            try {
              const outputs = await answer(request);
              if (!gone) listener.response({ id: request.id, outputs });
            } catch (error) {
              if (!gone) listener.lost(error instanceof Error ? error : new Error(String(error)));
            }
          });
          return true;
        },
        end() {
          queue = queue.then(() => void (gone || listener.closed?.()));
        },
        cancel() {
          gone = true;
        },
      };
    },
  };
}
