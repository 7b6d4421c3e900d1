import type { Block, InferenceBlock } from "@strainflow/series";
import { floatOutput } from "./output-tensor.ts";
import type { RankedTriggersBlock } from "./rank-triggers.ts";

/**
 * Each detector's loudest SNR over the templates, as a series with one channel per detector and one sample per stride: for
 * plots, and for clustering detectors by themselves (`createCluster`, then `createCoincidence`).
 *
 * @param output name of the model's output `[strides, detectors, templates, 3]`
 * @throws `malformed-output`
 */
export function triggersToSeries(
  block: InferenceBlock,
  templates: number,
  output = "triggers",
): Block<"score"> {
  if (block.kind === "gap") return { ...block, quantity: "score" };
  const { start, size, sampleRate, channels } = block;
  const triggers = floatOutput("triggersToSeries", block, output, channels.length * templates * 3);
  const data = channels.map((_, detector) =>
    Float32Array.from({ length: size }, (_sample, i) => {
      let loudest = 0;
      for (let template = 0; template < templates; template++)
        loudest = Math.max(loudest, triggers[((i * channels.length + detector) * templates + template) * 3]!);
      return loudest;
    }),
  );
  return { kind: "series", quantity: "score", start, size, sampleRate, channels, data };
}

/** The network statistic as a series of one channel, `network`; 0 where there is no candidate. */
export function rankedToSeries(block: RankedTriggersBlock): Block<"score"> {
  const channels = ["network"];
  if (block.kind === "gap") return { ...block, quantity: "score", channels };
  const { start, size, sampleRate, statistic } = block;
  return { kind: "series", quantity: "score", start, size, sampleRate, channels, data: [statistic] };
}
