import {
  type Datatype,
  ELEMENT_SIZES,
  elementCount,
  type RatedReach,
  type StreamingModel,
  type TensorSpec,
} from "@strainflow/series";
import {
  createClusterTriggers,
  createOverWhiten,
  createRankTriggers,
  createResample,
  createUpdates,
} from "@strainflow/steps";
import { conditioningOf } from "./conditioning.ts";
import { travelTimes } from "./search.ts";
import type { SearchSettings } from "./settings.ts";

/** What is known of a model before anything is sent to it. */
export type PlannedModel = Pick<StreamingModel, "name" | "inputs" | "outputs" | "streaming">;

/** What is known of the data before they are read. */
export interface PlanFacts {
  /** Hz of each detector's strain. */
  readonly rates: Readonly<Record<string, number>>;
  /** Templates of the model. */
  readonly templates: number;
  /** GPS nanoseconds of the first sample and just past the last; absent for a live stream. */
  readonly startNs?: bigint;
  readonly endNs?: bigint;
}

/** One array on its way from a stage to the next. */
export interface PlanTensor {
  readonly name: string;
  readonly datatype: Datatype;
  /** Of one block of {@link PlanStage.blocksPerSecond}. */
  readonly shape: readonly number[];
}

/** One stage of a search, as it will be built. */
export interface PlanStage {
  readonly name: "read" | "resample" | "align" | "over-whiten" | "infer" | "rank" | "cluster";
  /** What it does under these settings. */
  readonly text: string;
  /** What leaves it, block by block; empty for detections, which come when they come. */
  readonly outputs: readonly PlanTensor[];
  readonly blocksPerSecond: number;
  /** Samples, or outputs, per second and channel. */
  readonly outputRate: number;
  /** Of its steps, in samples of its input. */
  readonly reach: RatedReach;
  /** Seconds of data that it waits for, at most, before it can say what it has to say. */
  readonly latencySeconds: number;
  /** The same, of all stages up to this one. */
  readonly latencySoFar: number;
  /** Seconds of past that an output depends on. */
  readonly memorySeconds: number | "unbounded";
  /** Bytes that it holds, about. */
  readonly heldBytes: number;
}

/** Bytes that an element of BYTES counts as: it has its length at least. */
const SHORT_TEXT_SIZE = 4;

/** Bytes of a tensor on the wire; sizes that are left open count as 1. */
export function tensorBytes({ datatype, shape }: Pick<TensorSpec, "datatype" | "shape">): number {
  return elementCount(shape.map((size) => Math.max(1, size))) * (ELEMENT_SIZES[datatype] || SHORT_TEXT_SIZE);
}

/** Seconds that the readers' blocks last. */
const READ_BLOCK = 1;

/**
 * The stages of a search, from the very steps that {@link search} is made of: each is built with the same options, and
 * asked for its reach.
 *
 * @throws `invalid-option` where lengths and rates do not fit into each other
 */
export function planStages(
  settings: SearchSettings,
  model: PlannedModel,
  facts: PlanFacts,
): readonly PlanStage[] {
  const { ifos, sampleRate } = settings;
  const { streaming } = model;
  const stages: PlanStage[] = [];
  const add = (
    stage: Omit<PlanStage, "latencySeconds" | "latencySoFar" | "memorySeconds"> & {
      readonly inputRate: number;
    },
  ): void => {
    const { inputRate, ...rest } = stage;
    const latencySeconds = rest.reach.latency / inputRate;
    const { memory } = rest.reach;
    stages.push({
      ...rest,
      latencySeconds,
      latencySoFar: (stages.at(-1)?.latencySoFar ?? 0) + latencySeconds,
      memorySeconds: memory === "unbounded" ? memory : memory / inputRate,
    });
  };
  const still = (rate: number): RatedReach => ({ memory: 0, latency: 0, stride: 1, sampleRate: rate });
  const rates = ifos.map((ifo) => facts.rates[ifo] ?? sampleRate);
  const fastest = Math.max(...rates);
  const strain = (shape: readonly number[]): PlanTensor => ({ name: "strain", datatype: "FP64", shape });

  add({
    name: "read",
    text: [...new Set(rates)].map((rate) => `${rate} Hz`).join(", "),
    outputs: [strain([1, fastest * READ_BLOCK])],
    blocksPerSecond: ifos.length / READ_BLOCK,
    outputRate: fastest,
    reach: still(fastest),
    inputRate: fastest,
    heldBytes: rates.reduce((sum, rate) => sum + rate * READ_BLOCK * 8, 0),
  });

  const resamplers = rates.map((rate): RatedReach => {
    if (rate === sampleRate) return still(rate);
    const step = createResample({ inputRate: rate, outputRate: sampleRate, channels: ["strain"] });
    return { memory: step.memory, latency: step.latency, stride: step.stride, sampleRate: rate };
  });
  const slowest = resamplers.reduce((a, b) => (b.latency / b.sampleRate > a.latency / a.sampleRate ? b : a));
  add({
    name: "resample",
    text: rates.every((rate) => rate === sampleRate)
      ? `nothing to do, ${sampleRate} Hz already`
      : `${[...new Set(rates)].join(", ")} → ${sampleRate} Hz`,
    outputs: [strain([1, sampleRate * READ_BLOCK])],
    blocksPerSecond: ifos.length / READ_BLOCK,
    outputRate: sampleRate,
    reach: slowest,
    inputRate: slowest.sampleRate,
    heldBytes: resamplers.reduce((sum, { memory, latency }) => sum + 8 * (finite(memory) + latency), 0),
  });

  add({
    name: "align",
    text: `${ifos.join(", ")} in one stream`,
    outputs: [strain([ifos.length, sampleRate * READ_BLOCK])],
    blocksPerSecond: 1 / READ_BLOCK,
    outputRate: sampleRate,
    reach: still(sampleRate),
    inputRate: sampleRate,
    // Files are read in turn, so one detector is a block ahead of the other at most.
    heldBytes: ifos.length * sampleRate * READ_BLOCK * 8,
  });

  const { psdLength, fftLength, filterLength, highpass } = settings;
  const conditioning = conditioningOf(settings, streaming);
  const overWhiten = createOverWhiten({ sampleRate, channels: ifos, ...conditioning });
  add({
    name: "over-whiten",
    text: `by the PSD of the last ${psdLength} s (segments of ${fftLength} s), filter ${filterLength} s, above ${highpass} Hz`,
    outputs: [
      { name: "whitened", datatype: "FP32", shape: [ifos.length, sampleRate * READ_BLOCK] },
      { name: "inverse_psd", datatype: "FP32", shape: [ifos.length, Math.floor(sampleRate / 2) + 1] },
    ],
    blocksPerSecond: 1 / READ_BLOCK,
    outputRate: sampleRate,
    reach: rated(overWhiten, sampleRate),
    inputRate: sampleRate,
    // The strain in reach, and about as much again in spectra of its segments, which overlap by half.
    heldBytes: 3 * 8 * ifos.length * finite(overWhiten.memory),
  });

  const updates = createUpdates(streaming);
  const outputRate = (streaming.sampleRate / streaming.strideSize) * streaming.updateSize;
  const exchanged = [...model.inputs, ...model.outputs].reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const updateSize = streaming.strideSize * streaming.batchSize;
  const logged = Math.ceil(streaming.memory / updateSize) + settings.maxInFlight;
  add({
    name: "infer",
    text: `${model.name}: ${streaming.batchSize} strides of ${streaming.strideSize} samples a request`,
    outputs: model.outputs,
    blocksPerSecond: streaming.sampleRate / updateSize,
    outputRate,
    reach: {
      memory: finite(updates.memory),
      // Blocks of whole updates, on the same grid, never wait for the rest of one.
      latency: (conditioning.latencyBlock === updateSize ? 0 : updates.latency) + streaming.latency,
      stride: streaming.strideSize / streaming.updateSize,
      sampleRate: streaming.sampleRate,
    },
    inputRate: streaming.sampleRate,
    heldBytes:
      settings.maxInFlight * exchanged +
      logged * tensorBytes({ datatype: "FP32", shape: [ifos.length, updateSize] }),
  });

  const rank = createRankTriggers({
    channels: streaming.channels,
    sampleRate: streaming.sampleRate,
    strideSize: streaming.strideSize,
    memory: streaming.memory,
    latency: streaming.latency,
    templates: facts.templates,
    lightTravelTime: travelTimes(ifos),
    coincidencePad: settings.coincidencePad,
    detectionThreshold: settings.singleThreshold,
  });
  const perRequest = streaming.batchSize * streaming.updateSize;
  add({
    name: "rank",
    text: `coincidences within light-travel time + ${settings.coincidencePad * 1000} ms, each detector above ${settings.singleThreshold}`,
    outputs: [{ name: "network SNR", datatype: "FP32", shape: [perRequest] }],
    blocksPerSecond: outputRate / perRequest,
    outputRate,
    reach: rated(rank, outputRate),
    inputRate: outputRate,
    heldBytes: (2 * finite(rank.memory) + perRequest) * ifos.length * facts.templates * 3 * 4,
  });

  const cluster = createClusterTriggers({
    sampleRate: outputRate,
    threshold: settings.threshold,
    clusterLength: settings.clusterLength,
  });
  add({
    name: "cluster",
    text: `the loudest within ${settings.clusterLength / 2} s on either side, above ${settings.threshold}`,
    outputs: [],
    blocksPerSecond: 0,
    outputRate: 0,
    reach: rated(cluster, outputRate),
    inputRate: outputRate,
    heldBytes: Math.ceil(settings.clusterLength * outputRate) * 256,
  });
  return stages;
}

function rated(step: Omit<RatedReach, "sampleRate">, sampleRate: number): RatedReach {
  return { memory: step.memory, latency: step.latency, stride: step.stride, sampleRate };
}

function finite(memory: number | "unbounded"): number {
  return memory === "unbounded" ? 0 : memory;
}
