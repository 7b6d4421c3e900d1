import { openArrow } from "@strainflow/arrow";
import { openHdf5 } from "@strainflow/hdf5";
import { endOf, indexToNs, type Reader, StrainflowError, sliceBlock } from "@strainflow/series";

export interface SourceChoice {
  readonly ifos?: readonly string[];
  readonly gpsStart?: number;
  readonly gpsEnd?: number;
  /** Seconds per block. */
  readonly blockLength: number;
  readonly signal: AbortSignal;
}

const SECOND = 1_000_000_000n;

/**
 * Opens files as one reader per detector, all over the same stretch of whole seconds, so that they can be replayed side by
 * side and again and again without getting out of step; what a detector lacks of it comes as a gap.
 *
 * @throws the readers' errors; `usage` if kinds are mixed
 */
export async function openSources(
  paths: readonly string[],
  choice: SourceChoice,
): Promise<readonly Reader<"strain">[]> {
  const arrow = paths.filter((path) => /\.(arrow|arrows|ipc)$/.test(path));
  if (arrow.length === 0) return openHdf5Sources(paths, choice);
  if (arrow.length < paths.length)
    throw new StrainflowError("usage", `Arrow and HDF5 files cannot be sent together: ${paths.join(", ")}`);
  if (choice.gpsStart !== undefined || choice.gpsEnd !== undefined)
    throw new StrainflowError("usage", "Arrow files are sent whole: leave out --gps-start and --gps-end");
  const all = await openArrow(paths, choice.ifos === undefined ? {} : { channels: choice.ifos });
  const { channels, sampleRate } = all.format;
  const maxBlockSize = Math.max(1, Math.round(choice.blockLength * sampleRate));
  const readers = await Promise.all(
    channels.map((channel) => openArrow(paths, { channels: [channel], maxBlockSize })),
  );
  return readers.map((reader) => inBlocks(reader, choice.blockLength));
}

async function openHdf5Sources(
  paths: readonly string[],
  choice: SourceChoice,
): Promise<readonly Reader<"strain">[]> {
  const { ifos, blockLength, signal, gpsStart, gpsEnd } = choice;
  const options = { blockLength, signal, ...(ifos === undefined ? {} : { channels: ifos }) };
  const span = {
    ...(gpsStart === undefined ? {} : { gpsStart }),
    ...(gpsEnd === undefined ? {} : { gpsEnd }),
  };
  const readers = [...(await openHdf5(paths, { ...options, ...span })).readers.values()];
  const starts = readers.map(({ start, format }) => indexToNs(start, format.sampleRate));
  const ends = readers.map(({ start, end, format }) => indexToNs(end ?? start, format.sampleRate));
  const startNs = starts.reduce((a, b) => (b < a ? b : a));
  const endNs = ends.reduce((a, b) => (b > a ? b : a));
  const whole = {
    gpsStart: Number(startNs / SECOND),
    gpsEnd: Number((endNs + SECOND - 1n) / SECOND),
  };
  const common = (ns: bigint, seconds: number): boolean => ns === BigInt(seconds) * SECOND;
  if (starts.every((ns) => common(ns, whole.gpsStart)) && ends.every((ns) => common(ns, whole.gpsEnd)))
    return readers.map((reader) => inBlocks(reader, blockLength));
  const again = await openHdf5(paths, { ...options, ...whole });
  return [...again.readers.values()].map((reader) => inBlocks(reader, blockLength));
}

/** Cuts long gaps as data are cut: a receiver should hear of them as time goes on, not when they are over. */
function inBlocks(reader: Reader<"strain">, blockLength: number): Reader<"strain"> {
  const blockSize = blockLength * reader.format.sampleRate;
  return {
    ...reader,
    async *blocks(options) {
      for await (const block of reader.blocks(options))
        for (let at = block.start; at < endOf(block); ) {
          const next = Math.min(endOf(block), (Math.floor(at / blockSize) + 1) * blockSize);
          yield sliceBlock(block, at, next);
          at = next;
        }
    },
  };
}
