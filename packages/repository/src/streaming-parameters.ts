/** What a client must know of a streaming model; written to its configuration as `strainflow.*` parameters. */
export interface StreamingFacts {
  /** Hz of the stream. */
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** Samples between two outputs, S. */
  readonly strideSize: number;
  /** Outputs per request, B. */
  readonly batchSize: number;
  /** How far back an output depends on the stream before its own stride, in samples. */
  readonly memory: number;
  /** The output of stride [a, a + S) stands for the stretch that begins at a − latency; a multiple of S. */
  readonly latency: number;
  /** Name of the input that takes the stream. Left out where several take streams together. */
  readonly input?: string;
  /** Output samples per stride. Default 1. */
  readonly updateSize?: number;
}

export function streamingParameters(facts: StreamingFacts): Record<string, string> {
  return {
    "strainflow.sample_rate": String(facts.sampleRate),
    "strainflow.channels": facts.channels.join(","),
    "strainflow.stride_size": String(facts.strideSize),
    "strainflow.batch_size": String(facts.batchSize),
    "strainflow.memory": String(facts.memory),
    "strainflow.latency": String(facts.latency),
    ...(facts.input === undefined ? {} : { "strainflow.stream_input": facts.input }),
    "strainflow.update_size": String(facts.updateSize ?? 1),
  };
}
