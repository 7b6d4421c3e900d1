import { type FileHandle, open } from "node:fs/promises";
import { type Block, StrainflowError, type StreamFormat } from "@strainflow/series";
import { decodeBatch } from "./decode-batch.ts";
import { malformed } from "./errors.ts";
import { type Place, readIndex, walkStream } from "./file-index.ts";
import { PREFIX_SIZE, readMessage, readPrefix } from "./ipc-message.ts";
import type { CheckedLimits } from "./limits.ts";
import { readExactly } from "./read-exactly.ts";
import { type StrainSchema, selectChannels } from "./strain-schema.ts";

/** One opened file, its schema read. */
export interface ArrowFile {
  readonly path: string;
  readonly schema: StrainSchema;
  readonly format: StreamFormat;
  /** Known for the file format, which has a footer; a stream is read to its end instead. */
  readonly places?: readonly Place[];
  /** Blocks from the first batch on, or from the last. */
  batches(signal?: AbortSignal): AsyncGenerator<Block[]>;
  lastBlock(): Promise<Block | undefined>;
}

export interface FileOptions {
  readonly channels: readonly string[] | undefined;
  readonly quantity: string;
  readonly limits: CheckedLimits;
}

/** Reads what a file says of itself. @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large`, `arrow-unreadable` */
export function inspectFile(path: string, options: FileOptions): Promise<ArrowFile> {
  return withFile(path, async (file) => {
    const index = await readIndex(file, options.limits);
    const { channels, sampleRate, selected } = selectChannels(index.schema, options.channels);
    const context = {
      schema: index.schema,
      selection: { channels, sampleRate, selected },
      quantity: options.quantity,
      maxBlocks: options.limits.maxBlocks,
    };
    const { places } = index;

    const readBatch = async (from: FileHandle, place: Place): Promise<Block[]> => {
      const bytes = await readExactly(from, place.position, place.headSize + place.bodyLength);
      const metadataSize = readPrefix(bytes);
      if (metadataSize + PREFIX_SIZE > place.headSize)
        throw malformed(`a batch at byte ${place.position} has no end`);
      const message = readMessage(bytes.subarray(PREFIX_SIZE, PREFIX_SIZE + metadataSize));
      if (message.type !== "batch" || message.bodyLength > place.bodyLength)
        throw malformed(`the footer is wrong about the batch at byte ${place.position}`);
      return decodeBatch(
        message,
        bytes.subarray(place.headSize, place.headSize + message.bodyLength),
        context,
      );
    };

    async function* batches(signal?: AbortSignal): AsyncGenerator<Block[]> {
      const handle = await openFile(path);
      try {
        const source = places ?? walkStream(handle, index, options.limits);
        for await (const place of source) {
          if (signal?.aborted) return;
          const blocks = await readBatch(handle, place);
          if (signal?.aborted) return;
          yield blocks;
        }
      } catch (error) {
        throw atPath(error, path);
      } finally {
        await handle.close();
      }
    }

    const lastBlock = (): Promise<Block | undefined> =>
      withFile(path, async (again) => {
        for (const place of (places ?? []).toReversed()) {
          const last = (await readBatch(again, place)).at(-1);
          if (last !== undefined) return last;
        }
        return undefined;
      });

    return {
      path,
      schema: index.schema,
      format: { channels, sampleRate },
      ...(places === undefined ? {} : { places }),
      batches,
      lastBlock,
    };
  });
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openFile(path);
  try {
    return await use(file);
  } catch (error) {
    throw atPath(error, path);
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new StrainflowError(
      "arrow-unreadable",
      `${path} cannot be opened; check that it exists and may be read`,
      {
        cause,
        details: { path },
      },
    );
  }
}

/** Says in which file it was. */
function atPath(error: unknown, path: string): unknown {
  if (!(error instanceof StrainflowError) || "path" in error.details) return error;
  return new StrainflowError(error.tag, `${path}: ${error.message}`, {
    cause: error,
    details: { ...error.details, path },
  });
}
