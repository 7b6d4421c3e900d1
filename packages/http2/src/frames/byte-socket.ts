/** What a connection needs of a socket, be it plain or TLS. */
export interface ByteSocket {
  /** Bytes that were written and not taken yet. */
  readonly writableLength: number;
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
  on(event: "drain" | "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  ref(): unknown;
  unref(): unknown;
  destroy(): unknown;
  /** Closes when all is written. */
  destroySoon(): void;
}
