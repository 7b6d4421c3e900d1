/* The numbers of HTTP/2. https://www.rfc-editor.org/rfc/rfc9113 */

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PUSH_PROMISE = 5;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

/** Flags of frames; the same bit is END_STREAM of some and ACK of others. */
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const WITH_PRIORITY = 0x20;

export const ENABLE_PUSH = 2;
export const MAX_CONCURRENT_STREAMS = 3;
export const INITIAL_WINDOW_SIZE = 4;
export const MAX_FRAME_SIZE = 5;
export const MAX_HEADER_LIST_SIZE = 6;

/** Why a stream or connection is given up, as both sides tell each other. */
export const ERROR_CODES = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export const HEAD_SIZE = 9;
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
export const LARGEST_WINDOW: number = 2 ** 31 - 1;
export const LARGEST_STREAM_ID: number = 2 ** 31 - 1;
/** What holds until a side says otherwise. */
export const DEFAULT_WINDOW_SIZE = 65_535;
export const DEFAULT_FRAME_SIZE = 16_384;
export const LARGEST_FRAME_SIZE: number = 2 ** 24 - 1;
export const DEFAULT_TABLE_SIZE = 4096;
