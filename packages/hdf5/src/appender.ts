import type { Group } from "h5wasm/node";
import type { OutputFile } from "./output-file.ts";

/** What a dataset is made of. */
export type Elements = Float32Array | Float64Array | Uint32Array;

/** A dataset that grows at its end, in whole chunks. */
export interface Appender {
  append(values: Elements): void;
  /** Writes the last, partly filled chunk; gives the dataset's length. */
  finish(): number;
}

export interface AppenderOptions {
  /** Group of the dataset; `/` for the root. */
  readonly group: string;
  readonly name: string;
  /** An empty array of the dataset's type. */
  readonly empty: Elements;
  /** Elements per chunk. */
  readonly chunkSize: number;
  readonly compression: "gzip" | "none";
}

/**
 * Creates an extensible dataset and appends to it in bounded memory: one chunk is held back, because writing part of a
 * chunk makes HDF5 decompress and compress it again.
 *
 * h5wasm sets one filter per dataset, so gzip comes without fletcher32; zlib's own Adler-32 guards each chunk.
 */
export function createAppender(
  output: OutputFile,
  { group, name, empty, chunkSize, compression }: AppenderOptions,
): Appender {
  const path = group === "/" ? name : `${group}/${name}`;
  const chunk = wider(empty, chunkSize);
  let filled = 0;
  let written = 0;

  output.edit((file) => {
    const parent = group === "/" ? file : file.get(group);
    if (!isGroup(parent)) throw new Error(`there is no group ${group}`);
    parent.create_dataset({
      name,
      data: empty,
      shape: [0],
      maxshape: [null],
      chunks: [chunkSize],
      ...(compression === "gzip" ? { compression: "gzip", compression_opts: 4 } : {}),
    });
  });

  function write(values: Elements): void {
    output.edit((file) => {
      const dataset = file.get(path);
      if (dataset === null || !("write_slice" in dataset)) throw new Error(`there is no dataset ${path}`);
      dataset.resize([written + values.length]);
      dataset.write_slice([[written, written + values.length]], values);
    });
    written += values.length;
  }

  return {
    append(values) {
      for (let at = 0; at < values.length; ) {
        const part = values.subarray(at, at + chunkSize - filled);
        chunk.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < chunkSize) return;
        write(chunk);
        filled = 0;
      }
    },
    finish() {
      if (filled > 0) write(chunk.subarray(0, filled));
      filled = 0;
      return written;
    },
  };
}

function wider(empty: Elements, size: number): Elements {
  if (empty instanceof Float64Array) return new Float64Array(size);
  return empty instanceof Float32Array ? new Float32Array(size) : new Uint32Array(size);
}

function isGroup(entity: unknown): entity is Group {
  return typeof entity === "object" && entity !== null && "create_dataset" in entity;
}
