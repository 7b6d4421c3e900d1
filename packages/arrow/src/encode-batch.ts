import { type Block, type Gap, startNs } from "@strainflow/series";
import { int64, structs } from "./flat-builder.ts";
import { type GapNote, NULLS_KEY, ROWLESS_KEY, writeNotes } from "./gap-notes.ts";
import { buildMessage } from "./ipc-message.ts";
import type { SampleType } from "./strain-schema.ts";

/**
 * Gaps up to this many samples are written as nulls, as arrakis does; a longer one (an hour of 16384 Hz would be half
 * a gigabyte of nothing) only as a note in the batch's metadata.
 */
export const MAX_NULLS_SIZE = 65_536;

/** A record batch laid out: everything but the samples' own bytes. */
export interface BatchLayout {
  /** Prefix and metadata. */
  readonly head: Uint8Array;
  readonly bodyLength: number;
  /** Writes the body to `bytes` from `offset`, where nothing but zeros may stand. */
  writeBody(bytes: Uint8Array, offset: number): void;
}

interface BufferPlace {
  readonly offset: number;
  readonly length: number;
}

/** Lays blocks of one format out as one record batch: a row per block. */
export function layOutBatch(
  blocks: readonly Block[],
  channelCount: number,
  sampleTypes: readonly SampleType[],
): BatchLayout {
  const rows = blocks.filter((block) => block.kind === "series" || block.size <= MAX_NULLS_SIZE);
  const gaps = blocks.filter((block) => block.kind === "gap");
  const total = rows.reduce((sum, row) => sum + row.size, 0);
  const nulls = rows.reduce((sum, row) => sum + (row.kind === "gap" ? row.size : 0), 0);

  const places: BufferPlace[] = [];
  let bodyLength = 0;
  const place = (length: number): BufferPlace => {
    const at = { offset: bodyLength, length };
    places.push(at);
    bodyLength += Math.ceil(length / 8) * 8;
    return at;
  };
  const nodes: number[][] = [[rows.length, 0]];
  place(0);
  const times = place(8 * rows.length);
  const lists = Array.from({ length: channelCount }, (_, channel) => {
    nodes.push([rows.length, 0], [total, nulls]);
    place(0);
    return {
      offsets: place(4 * (rows.length + 1)),
      validity: place(nulls === 0 ? 0 : Math.ceil(total / 8)),
      values: place(total * (sampleTypes[channel] === "float32" ? 4 : 8)),
    };
  });

  const header = [
    int64(rows.length),
    structs(nodes),
    structs(places.map(({ offset, length }) => [offset, length])),
  ];
  const head = buildMessage("batch", header, bodyLength, gapMetadata(gaps));

  const writeBody = (bytes: Uint8Array, offset: number): void => {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bodyLength);
    rows.forEach((row, i) => {
      view.setBigInt64(times.offset + 8 * i, startNs(row), true);
    });
    lists.forEach((list, channel) => {
      let at = 0;
      rows.forEach((row, i) => {
        view.setInt32(list.offsets.offset + 4 * i, at, true);
        if (row.kind === "series") {
          writeValues(row.data[channel]!, sampleTypes[channel]!, bytes, offset + list.values.offset, at);
          if (nulls > 0) setBits(bytes, offset + list.validity.offset, at, at + row.size);
        }
        at += row.size;
      });
      view.setInt32(list.offsets.offset + 4 * rows.length, at, true);
    });
  };
  return { head, bodyLength, writeBody };
}

function gapMetadata(gaps: readonly Gap[]): ReadonlyMap<string, string> {
  const metadata = new Map<string, string>();
  const note = (key: string, notes: readonly GapNote[]): void => {
    if (notes.length > 0) metadata.set(key, writeNotes(notes));
  };
  note(
    NULLS_KEY,
    gaps.filter((gap) => gap.size <= MAX_NULLS_SIZE),
  );
  note(
    ROWLESS_KEY,
    gaps.filter((gap) => gap.size > MAX_NULLS_SIZE),
  );
  return metadata;
}

function writeValues(
  values: Float64Array | Float32Array,
  sampleType: SampleType,
  bytes: Uint8Array,
  offset: number,
  at: number,
): void {
  const itemSize = sampleType === "float32" ? 4 : 8;
  const target = offset + at * itemSize;
  const own = sampleType === "float64" && values instanceof Float32Array ? Float64Array.from(values) : values;
  bytes.set(new Uint8Array(own.buffer, own.byteOffset, own.byteLength), target);
}

function setBits(bytes: Uint8Array, offset: number, from: number, to: number): void {
  for (let i = from; i < to; ) {
    if ((i & 7) === 0 && to - i >= 8) {
      bytes[offset + (i >> 3)] = 0xff;
      i += 8;
    } else {
      bytes[offset + (i >> 3)]! |= 1 << (i & 7);
      i++;
    }
  }
}
