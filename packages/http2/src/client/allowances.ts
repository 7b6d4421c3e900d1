/* What this side allows the other: enough that a message of some MiB does not wait on the way for being let in. */

export const WINDOW_SIZE: number = 8 * 1024 * 1024;
export const CONNECTION_WINDOW_SIZE: number = 32 * 1024 * 1024;
export const FRAME_SIZE: number = 1024 * 1024;
/** Bytes of a header section, and of the block that it came in. */
export const HEADER_LIST_SIZE: number = 64 * 1024;
