/** What a connection needs of a socket, be it plain or TLS. */
export interface ByteSocket {
  /** Bytes that were written and not taken yet. */
  readonly writableLength: number;
  /** @param taken told when the bytes have gone, or failed */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): unknown;
  cork(): void;
  uncork(): void;
  on(event: "drain" | "end" | "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Says that nothing more comes. */
  end(): unknown;
  ref(): unknown;
  unref(): unknown;
  destroy(): unknown;
  /** Closes when all is written. */
  destroySoon(): void;
}
