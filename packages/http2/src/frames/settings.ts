import { protocolFault } from "../errors.ts";
import {
  DEFAULT_FRAME_SIZE,
  ENABLE_PUSH,
  INITIAL_WINDOW_SIZE,
  LARGEST_FRAME_SIZE,
  LARGEST_WINDOW,
  MAX_FRAME_SIZE,
} from "../protocol.ts";

/** Bytes of one setting: its number and its value. */
export const SETTING_SIZE = 6;

/** Settings there are six of; extensions have some more. */
const MAX_SETTINGS = 64;

/** One setting. */
export type Setting = readonly [id: number, value: number];

/** The settings of a frame, as numbers of HTTP/2, in their order. @throws `http2-protocol` */
export function readSettings(payload: Buffer): readonly Setting[] {
  if (payload.length % SETTING_SIZE !== 0)
    throw protocolFault("FRAME_SIZE_ERROR", `settings in ${payload.length} bytes`);
  if (payload.length > MAX_SETTINGS * SETTING_SIZE)
    throw protocolFault("ENHANCE_YOUR_CALM", `${payload.length / SETTING_SIZE} settings in one frame`);
  const settings: [number, number][] = [];
  for (let at = 0; at < payload.length; at += SETTING_SIZE) {
    const id = payload.readUInt16BE(at);
    const value = payload.readUInt32BE(at + 2);
    if (id === INITIAL_WINDOW_SIZE && value > LARGEST_WINDOW)
      throw protocolFault("FLOW_CONTROL_ERROR", `a window of ${value} bytes`);
    if (id === MAX_FRAME_SIZE && (value < DEFAULT_FRAME_SIZE || value > LARGEST_FRAME_SIZE))
      throw protocolFault("PROTOCOL_ERROR", `frames of ${value} bytes at most`);
    if (id === ENABLE_PUSH && value > 1) throw protocolFault("PROTOCOL_ERROR", `push is ${value}`);
    settings.push([id, value]);
  }
  return settings;
}
