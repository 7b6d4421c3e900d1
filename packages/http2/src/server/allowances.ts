/* What a client may send, in bytes, and how much of it this side keeps. */

/** Of a stream, and of a connection: with HTTP/2's own 64 KiB, a message of 1 MiB would stand still sixteen times. */
export const WINDOW_SIZE: number = 4 * 2 ** 20;
export const CONNECTION_WINDOW_SIZE: number = 16 * 2 ** 20;

/** Of one frame: DATA is passed on as it comes, and takes no memory for its frame's size. */
export const FRAME_SIZE: number = 2 ** 20;

/** Of a header section, and of the block that it came in. */
export const HEADER_LIST_SIZE: number = 64 * 1024;

/** Streams of a connection at once. They are cheap, and clients hold back what is beyond without a word: so it is high. */
export const MAX_STREAMS: number = 10_000;

/** Of all paused streams of a connection together: past it, the connection's window stays shut. */
export const MOST_HELD: number = 64 * 2 ** 20;

/** Of all answers of a connection that its client does not take: past it, no stream is given anything new. */
export const MOST_BACKLOG: number = 64 * 2 ** 20;

/** Of answers of one stream that wait, at which `write` says `false`. */
export const CONGESTED_SIZE: number = 2 ** 20;
