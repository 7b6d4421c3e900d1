/**
 * How items travel: between a value and bytes, and between a value and JSON.
 *
 * What comes in is from anybody. A codec reads; it never runs what it reads, checks every length before it takes memory
 * for it, and throws an `Error` whose message can be told to whoever sent the bytes.
 */
export interface Codec<T> {
  readonly name: string;
  /** Of a body that is one item, such as `image/png`. */
  readonly contentType: string;
  encode(value: T): Uint8Array;
  /** `bytes` may be a view of a larger buffer; what comes out may keep views of it. */
  decode(bytes: Uint8Array): T;
  /** As an element of `{"data": […]}`. Default: the bytes in base64. */
  toJson?(value: T): unknown;
  fromJson?(json: unknown): T;
}

export function itemToJson<T>(codec: Codec<T>, value: T): unknown {
  if (codec.toJson !== undefined) return codec.toJson(value);
  const bytes = codec.encode(value);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

export function itemFromJson<T>(codec: Codec<T>, json: unknown): T {
  return codec.fromJson === undefined ? codec.decode(fromBase64(json, codec.name)) : codec.fromJson(json);
}

/** Strictly: Buffer's own reading skips what is not base64, and the values after it would be others. */
export function fromBase64(json: unknown, name: string): Uint8Array {
  if (typeof json !== "string") throw new TypeError(`${name} in JSON is a string of base64`);
  if (json.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(json))
    throw new TypeError(`${name} in JSON is a string of base64, padded; this is not`);
  return Buffer.from(json, "base64");
}
