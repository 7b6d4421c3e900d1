import { formatTensor } from "./plan-text.ts";
import type { RunPlan } from "./run-plan.ts";
import { formatBytes, formatRate, formatSeconds } from "./units.ts";

/** One stage of the drawing. */
export interface GraphNode {
  readonly name: string;
  readonly text: string;
  /** How long it waits, where it does. */
  readonly waits?: string;
  /** What it speaks with beside the stream: a server. */
  readonly beside?: { readonly title: string; readonly lines: readonly string[] };
}

/** What goes from one stage to the next. */
export interface GraphEdge {
  readonly tensors: readonly string[];
  /** Rate of blocks and of samples, and how old the data are there at most. */
  readonly facts: string;
}

/** A pipeline from top to bottom: an edge after each node but the last. */
export interface PipelineGraph {
  readonly title: string;
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** What holds of the whole. */
  readonly summary: string;
}

/** The drawing of a planned run. */
export function graphOf(run: RunPlan): PipelineGraph {
  const { plan } = run;
  const { requests, settings } = plan;
  const nodes = plan.stages.map(({ name, text, latencySeconds }): GraphNode => {
    const waits = latencySeconds === 0 ? {} : { waits: `waits up to ${formatSeconds(latencySeconds)}` };
    if (name === "read") return { name, text: run.input };
    if (name !== "infer") return { name, text, ...waits };
    const lines = [
      run.modelSteps.join(" → "),
      `${formatRate(requests.perSecond)} of data, ${settings.maxInFlight} at once`,
      `${formatBytes(requests.requestBytes)} there, ${formatBytes(requests.responseBytes)} back`,
      ...(run.speed === undefined ? [] : [`up to ${run.speed.timesRealTime.toFixed(0)} × real time`]),
    ];
    return { name, text, ...waits, beside: { title: run.server, lines } };
  });
  const edges = plan.stages.map(
    ({ outputs, blocksPerSecond, outputRate, latencySoFar }): GraphEdge => ({
      tensors: outputs.length === 0 ? ["detections"] : outputs.map((tensor) => formatTensor(tensor)),
      facts: [
        ...(blocksPerSecond === 0 ? [] : [formatRate(blocksPerSecond)]),
        ...(outputRate === 0 ? [] : [`${Number(outputRate.toPrecision(6))} Hz`]),
        latencySoFar === 0 ? "at once" : `after ${formatSeconds(latencySoFar)}`,
      ].join(" · "),
    }),
  );
  return {
    title: `${run.model}: ${settings.ifos.join(" ")}`,
    nodes: [...nodes, { name: "write", text: run.writes.map(({ path }) => path).join(", ") }],
    edges,
    summary: `latency at most ${formatSeconds(plan.latency.seconds)} · reaches ${formatSeconds(plan.memorySeconds)} back · holds about ${formatBytes(plan.held.bytes)}`,
  };
}
