/**
 * Many items in one body, without base64: of each a byte that says whether it is an item (0) or the reason why there is
 * none (1, JSON), its length as a little-endian uint32, and its bytes.
 */
export const ITEMS_TYPE = "application/vnd.strainflow.items";

const HEAD_SIZE = 5;

export interface Frame {
  readonly ok: boolean;
  /** A view of what was read. */
  readonly bytes: Uint8Array;
}

export function writeFrames(frames: readonly Frame[]): Uint8Array {
  const size = frames.reduce((sum, { bytes }) => sum + HEAD_SIZE + bytes.length, 0);
  const body = new Uint8Array(size);
  const view = new DataView(body.buffer);
  let at = 0;
  for (const { ok, bytes } of frames) {
    view.setUint8(at, ok ? 0 : 1);
    view.setUint32(at + 1, bytes.length, true);
    body.set(bytes, at + HEAD_SIZE);
    at += HEAD_SIZE + bytes.length;
  }
  return body;
}

/** @throws `Error` with what is wrong */
export function readFrames(body: Uint8Array, maxItems: number): Frame[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const frames: Frame[] = [];
  for (let at = 0; at < body.length; ) {
    if (frames.length === maxItems) throw new RangeError(`there are more than ${maxItems} items`);
    if (at + HEAD_SIZE > body.length)
      throw new RangeError(`the body ends inside the head of item ${frames.length}`);
    const mark = view.getUint8(at);
    if (mark > 1) throw new RangeError(`item ${frames.length} begins with ${mark}, neither 0 nor 1`);
    const from = at + HEAD_SIZE;
    at = from + view.getUint32(at + 1, true);
    if (at > body.length) throw new RangeError(`the body ends inside item ${frames.length}`);
    frames.push({ ok: mark === 0, bytes: body.subarray(from, at) });
  }
  return frames;
}
