import { invalidOption } from "@strainflow/series";

/** Where a server listens. */
export interface Address {
  /** As given, for messages to people. */
  readonly text: string;
  /** `host:port`, as gRPC takes it. */
  readonly target: string;
  /** TLS. */
  readonly secure: boolean;
}

/**
 * Reads `host:port`, `grpc://host:port`, or `grpcs://host:port` (TLS). Without a port: 8001, Triton's own.
 *
 * @throws `invalid-option`
 */
export function parseAddress(text: string): Address {
  const match = /^(?:(grpcs?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const port = Number(match?.[3] ?? 8001);
  if (match === null || match[2] === undefined || port < 1 || port > 65535)
    throw invalidOption("connect", "address", text, "host:port, grpc://host:port or grpcs://host:port");
  return { text, target: `${match[2]}:${port}`, secure: match[1] === "grpcs" };
}
