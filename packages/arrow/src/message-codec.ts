import type { Block } from "@strainflow/series";
import { checkWritable, sampleTypesOf } from "./block-facts.ts";
import { decodeBatch } from "./decode-batch.ts";
import { layOutBatch } from "./encode-batch.ts";
import { malformed, tooLarge } from "./errors.ts";
import {
  buildMessage,
  END_OF_STREAM,
  type IpcMessage,
  PREFIX_SIZE,
  readMessage,
  readPrefix,
} from "./ipc-message.ts";
import { type ArrowLimits, checkLimits } from "./limits.ts";
import { readSchema, type StrainSchema, schemaSlots, selectChannels } from "./strain-schema.ts";

/** How {@link decodeBlock} reads a message. */
export interface DecodeOptions extends ArrowLimits {
  /** Which channels, in which order. Default: all, in the message's order. */
  readonly channels?: readonly string[];
  /** What the values are if the message does not say. Default "strain". */
  readonly quantity?: string;
}

/**
 * One block as a message: a complete Arrow IPC stream of one record batch of one row, in the schema of arrakis by column.
 *
 * Samples keep their type (float32 or float64) and every bit. A gap is a row of nulls, or, from 65,536 samples up, a note
 * in the batch's metadata; its reason and detail travel there in both cases.
 *
 * @throws `arrow-unsupported` for a block with `side` tensors
 */
export function encodeBlock(block: Block): Uint8Array {
  checkWritable(block);
  const types = sampleTypesOf(block.kind === "series" ? block : undefined, block.channels.length);
  const schema = buildMessage("schema", schemaSlots(block, types, block.quantity), 0);
  const batch = layOutBatch([block], block.channels.length, types);
  const bodyAt = schema.length + batch.head.length;
  const bytes = new Uint8Array(bodyAt + batch.bodyLength + END_OF_STREAM.length);
  bytes.set(schema, 0);
  bytes.set(batch.head, schema.length);
  batch.writeBody(bytes, bodyAt);
  bytes.set(END_OF_STREAM, bodyAt + batch.bodyLength);
  return bytes;
}

/**
 * The blocks of a message, in order of time; mostly one. Nulls become gaps with the reasons that the sender gave, NaN
 * becomes `missing` and an infinite value `damaged`, in all channels.
 *
 * Made for bytes from anywhere: every length and offset is checked before it is used, and samples are views of `bytes`
 * (copied where `byteOffset` is no multiple of their size), so memory stays within a small multiple of the message.
 *
 * @throws `arrow-malformed`, `arrow-unsupported`, `arrow-too-large`; `misaligned` if a row's time is off the grid
 */
export function decodeBlock(bytes: Uint8Array, options: DecodeOptions = {}): Block[] {
  const limits = checkLimits("decodeBlock", options);
  if (bytes.length > limits.maxBytes)
    throw tooLarge(`a message of ${bytes.length} bytes`, "maxBytes", limits.maxBytes);
  let schema: StrainSchema | undefined;
  const blocks: Block[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = readPrefix(bytes, at);
    if (size === 0) break;
    const bodyAt = at + PREFIX_SIZE + size;
    if (bodyAt > bytes.length) throw malformed(`it ends inside the metadata at byte ${at}`);
    const message: IpcMessage = readMessage(bytes.subarray(at + PREFIX_SIZE, bodyAt));
    at = bodyAt + message.bodyLength;
    if (at > bytes.length)
      throw malformed(`a body of ${message.bodyLength} bytes where ${bytes.length - bodyAt} follow`);
    if (message.type === "schema") {
      if (schema !== undefined) throw malformed("a second schema");
      schema = readSchema(message.header, limits.maxChannels);
      continue;
    }
    if (schema === undefined) throw malformed("a record batch before the schema");
    const last = blocks.at(-1);
    const decoded = decodeBatch(message, bytes.subarray(bodyAt, at), {
      schema,
      selection: selectChannels(schema, options.channels),
      quantity: schema.quantity ?? options.quantity ?? "strain",
      maxBlocks: limits.maxBlocks,
    });
    const next = decoded[0];
    if (last !== undefined && next !== undefined && next.start < last.start + last.size)
      throw malformed(`batches overlap at sample ${next.start}`);
    blocks.push(...decoded);
    if (blocks.length > limits.maxBlocks)
      throw tooLarge(`more than ${limits.maxBlocks} blocks in one message`, "maxBlocks", limits.maxBlocks);
  }
  if (schema === undefined) throw malformed("there is no schema");
  return blocks;
}
