import { DataType } from "@strainflow/proto";
import { buildAggregator } from "./aggregator.ts";
import { type Port, showPort } from "./ensemble-ports.ts";
import { repositoryError } from "./errors.ts";
import type { SequencePlacement } from "./model-config.ts";
import type { Model } from "./repository.ts";
import { type SnapshotStream, snapshotModel } from "./snapshot-model.ts";

/** A stream, and the inputs that take kernels of its channels. */
export interface StreamingInput {
  /** Inputs `[B, C, L]`, or `[B, L]` for a single channel; each takes the stream's next C channels. L may differ. */
  readonly into: Port | readonly Port[];
  /** Samples between two kernels, S ≤ L. */
  readonly strideSize: number;
  /** Name of the ensemble's input. Default `stream`; of several streams `stream_0`, `stream_1`, … */
  readonly input?: string;
}

export interface StreamingInputsOptions extends SequencePlacement {
  /** Of the snapshotter. Default `snapshotter`. */
  readonly name?: string;
  /** Kernels per request, where the inputs take any number. */
  readonly batchSize?: number;
}

export interface StreamingOutputOptions extends SequencePlacement {
  /** Of the averager. Default `aggregator`. */
  readonly name?: string;
  /** Output samples between two kernels, U. */
  readonly updateSize: number;
  /** Kernels that go into each output sample, N ≥ 2. */
  readonly numUpdates: number;
  /** Newest samples of each kernel that are left out. Default 0. */
  readonly offset?: number;
  /** Kernels per request, where the output has any number. */
  readonly batchSize?: number;
  /** Name of the ensemble's output. Default `output_stream`. */
  readonly output?: string;
}

/** How a stream is cut: by which input, and which snapshot goes where. */
export interface StreamCut {
  /** The ensemble's input, and the snapshotter's that it feeds. */
  readonly input: string;
  readonly update: string;
  readonly strideSize: number;
  /** Samples of its longest snapshot. */
  readonly size: number;
  readonly ports: readonly (readonly [output: string, into: Port])[];
}

/** The snapshotter for streams, as it is joined to an ensemble. @throws `bad-ensemble`, `invalid-option` */
export function buildStreamingInputs(
  ensemble: string,
  streams: readonly StreamingInput[],
  options: StreamingInputsOptions,
): { readonly model: Model; readonly batch: number; readonly cuts: readonly StreamCut[] } {
  const { name = "snapshotter" } = options;
  const all = streams.flatMap(({ into }) => into);
  const batch = batchOf(ensemble, all, options.batchSize);
  const cuts: StreamCut[] = [];
  const described: SnapshotStream[] = [];
  let count = 0;
  for (const [
    i,
    { into, strideSize, input = streams.length === 1 ? "stream" : `stream_${i}` },
  ] of streams.entries()) {
    const ports = ("name" in into ? [into] : into).map((port) => {
      const output = all.length === 1 ? "snapshot" : `snapshot_${count}`;
      count += 1;
      return { port, output, ...kernelOf(ensemble, port) };
    });
    const update = streams.length === 1 ? "snapshot_update" : `snapshot_update_${i}`;
    described.push({
      input: update,
      strideSize,
      snapshots: ports.map(({ output, channels, size }) => ({ output, channels, size })),
    });
    cuts.push({
      input,
      update,
      strideSize,
      size: Math.max(...ports.map(({ size }) => size)),
      ports: ports.map(({ output, port }) => [output, port] as const),
    });
  }
  return { model: snapshotModel(name, batch, described, options), batch, cuts };
}

/** The averager behind an output. @throws `bad-ensemble`, `invalid-option` */
export function buildStreamingOutput(ensemble: string, from: Port, options: StreamingOutputOptions): Model {
  const { shape } = from;
  const kernelSize = shape.at(-1) ?? -1;
  const channels = shape.length === 3 ? shape[1] : undefined;
  if (
    from.dataType !== DataType.TYPE_FP32 ||
    shape.length < 2 ||
    shape.length > 3 ||
    kernelSize < 1 ||
    channels === -1
  )
    throw bad(
      ensemble,
      from,
      "averaging takes FP32 [batch, samples] or [batch, channels, samples] of fixed sizes",
    );
  const {
    name = "aggregator",
    output = "output_stream",
    batchSize,
    updateSize,
    numUpdates,
    offset,
  } = options;
  return buildAggregator({
    ...options,
    name,
    output,
    updateSize,
    numUpdates,
    ...(offset === undefined ? {} : { offset }),
    kernelSize,
    batchSize: batchOf(ensemble, [from], batchSize),
    ...(channels === undefined ? {} : { channels }),
  });
}

/** Kernels per request that all ports take: one number of theirs, or the one that is asked for. */
function batchOf(ensemble: string, ports: readonly Port[], asked: number | undefined): number {
  let batch = asked;
  for (const port of ports) {
    const own = port.shape[0] ?? -1;
    if (own === -1) continue;
    if (batch !== undefined && batch !== own)
      throw bad(ensemble, port, `it takes batches of ${own}, and ${batch} are asked for`);
    batch = own;
  }
  const [first] = ports;
  if (first === undefined)
    throw repositoryError("bad-ensemble", `${ensemble}: a stream must feed an input`, {
      modelName: ensemble,
    });
  if (batch === undefined)
    throw bad(ensemble, first, "any number of kernels fits; say with batchSize how many");
  return batch;
}

function kernelOf(ensemble: string, port: Port): { readonly channels: number; readonly size: number } {
  const { shape, dataType } = port;
  const [, middle = -1, last = -1] = shape;
  const size = shape.length === 2 ? middle : last;
  const channels = shape.length === 2 ? 0 : middle;
  if (
    port.direction !== "input" ||
    dataType !== DataType.TYPE_FP32 ||
    shape.length < 2 ||
    shape.length > 3 ||
    size < 1 ||
    channels < 0
  )
    throw bad(
      ensemble,
      port,
      "kernels go into FP32 inputs [batch, channels, samples] or [batch, samples] of fixed sizes",
    );
  return { channels, size };
}

function bad(ensemble: string, port: Port, why: string): Error {
  return repositoryError("bad-ensemble", `${ensemble}: ${showPort(port)}: ${why}`, {
    modelName: ensemble,
    port: `${port.step.model}.${port.name}`,
  });
}
