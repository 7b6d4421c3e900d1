/**
 * What a file says about itself, as it comes from the parser: plain values only, since they cross threads.
 */
export interface FileFacts {
  readonly path: string;
  /** `gwosc`: one detector with data quality; `aframe`: one root dataset per ifo; `gwpy`: any other series. */
  readonly layout: Layout;
  readonly byteSize: number;
  readonly modifiedMs: number;
  readonly channels: readonly ChannelFacts[];
}

export type Layout = "gwosc" | "gwpy" | "aframe";

/** One channel of one file. */
export interface ChannelFacts {
  /** `H1` where content (or, failing that, the file's name) tells the detector, else the dataset's name. */
  readonly channel: string;
  /** Path of the dataset in the file. */
  readonly dataset: string;
  /** First sample, counted from the GPS epoch. */
  readonly start: number;
  /** Samples. */
  readonly size: number;
  /** Hz. */
  readonly sampleRate: number;
  /** As written in the file; `""` where it is dimensionless or not said. */
  readonly unit: string;
  readonly dtype: "float32" | "float64";
  /** Samples per stored chunk; 0 where the dataset is stored in one piece. */
  readonly chunkSize: number;
  /** Names of the filters each chunk went through, in order: `["fletcher32", "deflate"]`. */
  readonly filters: readonly string[];
  /** Stretches that cannot be read, as far as the file's structure tells. */
  readonly bad: readonly BadStretch[];
  readonly masks: readonly MaskFacts[];
}

/** Part of a dataset that cannot be read, in samples from its first. */
export interface BadStretch {
  readonly from: number;
  readonly to: number;
  /** Of the first bad chunk. */
  readonly chunk: number;
  /** The end of the sentence "its chunk 33 …". */
  readonly reason: string;
}

/** A bitmask at its own, lower rate: data quality or hardware injections. */
export interface MaskFacts {
  readonly kind: "quality" | "injections";
  readonly dataset: string;
  /** First sample that the first entry stands for. */
  readonly start: number;
  /** Samples of strain per entry. */
  readonly entrySize: number;
  /** Name of bit 0, bit 1, … */
  readonly names: readonly string[];
  readonly descriptions: readonly string[];
  readonly values: Uint32Array;
}
